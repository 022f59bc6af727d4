import type pg from 'pg';
import type { TenantMigration } from '../migrations/tenant-migrations.ts';
import { type TenantIdentity, tenantIdentity } from '../registry/tenant.ts';
import type { NewTenant } from './new-tenant.ts';
import { adoptRow } from './register-tenant.ts';

/**
 * Turns a spare into a tenant inside the transaction of `client`: renames its schema and writes its
 * row and domains. Id and role stay the same.
 *
 * Returns null when no spare is up to date. Concurrent claims get different spares, and spares that
 * are being migrated are skipped.
 */
export async function claimSpare(
  client: pg.ClientBase,
  tenant: NewTenant,
  migrations: readonly TenantMigration[],
): Promise<TenantIdentity | null> {
  const { rows } = await client.query(
    `select t.id, t.schema_name as schema, t.role_name as role
     from public.tenants as t
     where t.status = 'spare'
       and t.migrated_to is not distinct from $1
       and t.migrations_applied = $2
     order by t.created_at
     limit 1
     for update skip locked`,
    [migrations.findLast(({ concurrent }) => !concurrent)?.name ?? null, migrations.length],
  );
  if (!rows[0]) {
    return null;
  }
  const spare = tenantIdentity.parse(rows[0]);
  return adoptRow(client, spare, tenant, 'active');
}
