import pg from 'pg';

import { withOwner } from '../db/owner-client.ts';
import { migrationNames, runMigrations } from './run-migrations.ts';

/**
 * Applies a schema's pending tenant migrations, all or the first `count` of
 * them, inside the transaction of `client`, as tenant_owner, and writes down how
 * far it has come.
 *
 * The ledger is named for the role, which no rename of the schema changes.
 * Leaves the session's search path behind: end the client afterwards.
 */
export async function migrateInside(
  client: pg.ClientBase,
  { schema, role, count }: { schema: string; role: string; count?: number },
): Promise<readonly string[]> {
  await client.query('set local role tenant_owner');
  const applied = await runMigrations(client, { kind: 'tenant', schema, ledger: role, count });
  await client.query('set local search_path = pg_catalog, pg_temp');
  await client.query('reset role');
  await client.query('update public.tenants set migrated_to = $2 where schema_name = $1', [
    schema,
    (count === undefined ? await migrationNames('tenant', schema) : applied).at(-1) ?? null,
  ]);
  return applied;
}

/**
 * Migrates one tenant on a connection of its own, in one transaction: to the end
 * or not at all. Two runs for the same tenant wait for each other.
 */
export async function migrateTenant(owner: pg.ClientConfig, schema: string): Promise<readonly string[]> {
  return withOwner(owner, async (client) => {
    const { rows } = await client.query<{ role_name: string }>(
      `select t.role_name
       from public.tenants as t
       where t.schema_name = $1
       for no key update`,
      [schema],
    );
    const role = rows[0]?.role_name;
    if (!role) {
      throw new TypeError(`No tenant has the schema ${pg.escapeIdentifier(schema)}.`);
    }
    return migrateInside(client, { schema, role });
  });
}
