import pg from 'pg';

import { hasSqlState, SQLSTATE } from '../../db/sqlstate.ts';
import type { TenantIdentity } from '../registry/tenant.ts';

/**
 * Drops everything of a tenant in one database: schema, migration history, row and role. For copies
 * left by a completed or interrupted move. Does not change the tenant's placement in main.
 */
export async function dropTenantSchema(
  client: pg.ClientBase,
  { id, schema, role }: TenantIdentity,
): Promise<void> {
  await client.query(`drop schema if exists ${pg.escapeIdentifier(schema)} cascade`);
  await client.query(`drop table if exists tenancy_migrations.${pg.escapeIdentifier(role)}`);
  await client.query('delete from tenancy.retained_copies as k where k.tenant_id = $1', [id]);
  await dropRole(client, role);
}

/**
 * Drops a tenant's role, unless another database of the cluster still needs it. Rights that were
 * granted to it by hand are revoked, if the login may do so; a login without superuser keeps such a
 * role.
 */
export async function dropRole(client: pg.ClientBase, role: string): Promise<void> {
  const name = pg.escapeIdentifier(role);
  for (const text of [`drop role if exists ${name}`, `drop owned by ${name}; drop role ${name}`]) {
    await client.query('savepoint role');
    try {
      await client.query(text);
      return;
    } catch (error) {
      // An object still depends on the role, or this login may not revoke its rights.
      if (!hasSqlState(error, SQLSTATE.DEPENDENT_OBJECTS_STILL_EXIST, SQLSTATE.INSUFFICIENT_PRIVILEGE)) {
        throw error;
      }
      await client.query('rollback to savepoint role');
    }
  }
}
