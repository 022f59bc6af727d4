import type pg from 'pg';
import { z } from 'zod';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { type SchemaVersion, schemaVersionOf } from '../migrations/migrate-tenant.ts';
import { readHistories } from '../migrations/read-histories.ts';
import type { TenantMigration } from '../migrations/tenant-migrations.ts';
import { tenantRow } from '../registry/tenant.ts';

const staleRow = tenantRow
  .unwrap()
  .pick({
    id: true,
    schema: true,
    role: true,
    migratedTo: true,
    concurrentTo: true,
    migrationsApplied: true,
    transactionalApplied: true,
  })
  .readonly();
type Row = z.infer<typeof staleRow>;

/** A tenant whose registry row differs from its own migration history. */
export type StaleRow = Readonly<{ row: Row; history: SchemaVersion }>;

/** Whether a row matches a migration history: the counts and the two recorded names. */
const matches = (
  { migrationsApplied, transactionalApplied, migratedTo, concurrentTo }: Row,
  history: readonly string[],
  migrations: readonly TenantMigration[],
): boolean =>
  migrationsApplied === history.length &&
  transactionalApplied === schemaVersionOf(history, migrations).transactionalApplied &&
  [migratedTo, concurrentTo].every((name) => name === null || history.includes(name));

/**
 * Returns tenants whose registry row differs from their own migration history, for example after a
 * manual restore. No other check finds a tenant whose row wrongly claims to be up to date.
 *
 * Reads every history, five hundred in a query: use it only with a reason.
 */
export async function findStaleRows(
  owner: pg.ClientConfig,
  { migrations, schema }: { migrations: readonly TenantMigration[]; schema: string | null },
): Promise<readonly StaleRow[]> {
  const selected = await withAdminConnection(owner, (client) =>
    client.query(
      `select
         t.id,
         t.schema_name as schema,
         t.role_name as role,
         t.migrated_to as "migratedTo",
         t.concurrent_to as "concurrentTo",
         t.migrations_applied as "migrationsApplied",
         t.transactional_applied as "transactionalApplied"
       from public.tenants as t
       where t.status <> 'deleted'
         and t.database = (select i.database from tenancy.installation as i)
         and ($1::text is null or t.schema_name = $1)
       order by t.status = 'spare', t.schema_name`,
      [schema],
    ),
  );
  const rows = z.array(staleRow).parse(selected.rows);
  const histories = await readHistories(owner, rows);
  const historyOf = ({ role }: Row): readonly string[] => histories.get(role) ?? [];
  return rows
    .filter((row) => !matches(row, historyOf(row), migrations))
    .map((row) => ({ row, history: schemaVersionOf(historyOf(row), migrations) }));
}

/** Writes the state of the migration histories into the rows, except those that have changed meanwhile. */
export async function correctStaleRows(owner: pg.ClientConfig, stale: readonly StaleRow[]): Promise<void> {
  if (stale.length === 0) {
    return;
  }
  await withAdminConnection(owner, (client) =>
    client.query(
      `update public.tenants as t
       set migrated_to = s.history ->> 'migratedTo',
           concurrent_to = s.history ->> 'concurrentTo',
           migrations_applied = (s.history ->> 'migrationsApplied')::integer,
           transactional_applied = (s.history ->> 'transactionalApplied')::integer
       from jsonb_to_recordset($1::jsonb) as s ("row" jsonb, history jsonb)
       where t.id = (s."row" ->> 'id')::uuid
         and t.migrated_to is not distinct from s."row" ->> 'migratedTo'
         and t.concurrent_to is not distinct from s."row" ->> 'concurrentTo'
         and t.migrations_applied = (s."row" ->> 'migrationsApplied')::integer
         and t.transactional_applied = (s."row" ->> 'transactionalApplied')::integer`,
      [JSON.stringify(stale)],
    ),
  );
}
