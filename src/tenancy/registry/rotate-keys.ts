import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { noSuchTenant } from './registry.ts';

/**
 * Increments the generation of the signing keys of one tenant, or of all. Signatures of older keys
 * become invalid, and running processes apply this immediately.
 *
 * @throws DomainError `tenant_not_found`
 */
export async function rotateKeys(
  owner: pg.ClientConfig,
  schema: string | null,
): Promise<ReadonlyArray<Readonly<{ schema_name: string; key_generation: number }>>> {
  return withAdminConnection(owner, async (client) => {
    const { rows } = await client.query<{ schema_name: string; key_generation: number }>(
      `update public.tenants as t
       set key_generation = t.key_generation + 1
       where ($1::text is null or t.schema_name = $1)
         and t.status <> 'spare'
       returning t.schema_name, t.key_generation`,
      [schema],
    );
    if (schema !== null && rows.length === 0) {
      throw noSuchTenant(schema);
    }
    return rows.sort((a, b) => (a.schema_name < b.schema_name ? -1 : 1));
  });
}
