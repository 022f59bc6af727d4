import pg from 'pg';

import type { Place } from './provision.ts';

/** An object still depends on the role: in another database of the cluster. */
const DEPENDENT_OBJECTS = '2BP01';

/**
 * Drops what a tenant has in one database: schema, ledger, row and role. For what
 * a move left behind, and what one that was cut off had begun; main's word on
 * where the tenant lives stands elsewhere.
 */
export async function dropPlace(client: pg.ClientBase, { id, schema, role }: Place): Promise<void> {
  await client.query(`drop schema if exists ${pg.escapeIdentifier(schema)} cascade`);
  await client.query(`drop table if exists tenancy_migrations.${pg.escapeIdentifier(role)}`);
  await client.query('delete from tenancy.kept_schemas as k where k.tenant_id = $1', [id]);
  await dropRole(client, role);
}

/** Drops a tenant's role, unless another database of the cluster still needs it. */
export async function dropRole(client: pg.ClientBase, role: string): Promise<void> {
  const { rows } = await client.query('select from pg_catalog.pg_roles as r where r.rolname = $1', [role]);
  if (rows.length > 0) {
    await client.query(`drop owned by ${pg.escapeIdentifier(role)}`);
    await client.query('savepoint role');
    await client.query(`drop role ${pg.escapeIdentifier(role)}`).catch(async (error: { code?: string }) => {
      if (error.code !== DEPENDENT_OBJECTS) {
        throw error;
      }
      await client.query('rollback to savepoint role');
    });
  }
}
