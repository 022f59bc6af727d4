import type pg from 'pg';

import { parseSchemaOrSite } from '../registry/tenant.ts';
import { type AuditEvent, auditPage } from './fleet-views.ts';
import type { AuditQuery } from './operators.ts';

/** Adds an event with the current actor to the audit, in the transaction of the migrating login. */
export async function recordEvent(
  client: pg.ClientBase,
  {
    action,
    schema,
    before = null,
    after = null,
  }: Readonly<{
    action: string;
    /** Schema of the tenant, as an operator wrote it. Null: the event belongs to no tenant. */
    schema: string | null;
    before?: Readonly<Record<string, unknown>> | null;
    after?: Readonly<Record<string, unknown>> | null;
  }>,
): Promise<void> {
  const name = schema === null ? null : parseSchemaOrSite(schema);
  await client.query(
    `select tenancy.record_event(
       $1, (select t.id from public.tenants as t where t.schema_name = $2), $2, $3, $4
     )`,
    [action, name, before && JSON.stringify(before), after && JSON.stringify(after)],
  );
}

/** Returns events of the audit with the migrating login, the newest first, and the number of all that match. */
export async function listAuditEvents(
  client: pg.ClientBase,
  query: AuditQuery,
): Promise<Readonly<{ count: number; results: readonly AuditEvent[] }>> {
  const { rows } = await client.query<{ page: unknown }>('select tenancy.read_audit($1) as page', [
    JSON.stringify(query),
  ]);
  return auditPage.parse(rows[0]?.page);
}
