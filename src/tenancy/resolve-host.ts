import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

import { type Tenant, tenantId } from './tenant.ts';

const resolved = z
  .object({
    tenant_id: tenantId,
    status: z.enum(['active', 'suspended', 'unpaid', 'maintenance', 'moving']),
    is_site: z.boolean(),
    key_generation: z.number(),
    migrated_to: z.string().nullable(),
    primary_domain: z.string(),
    database: z.string(),
  })
  .strict();

/** Asks the database where a host leads: one query, all that the service may know before it enters. */
export async function resolveHost(
  pool: Pick<CommonQueryMethods, 'maybeOne'>,
  host: string,
): Promise<Tenant | null> {
  const row = await pool.maybeOne(sql.type(resolved)`
    select
      r.tenant_id,
      r.status,
      r.is_site,
      r.key_generation,
      r.migrated_to,
      r.primary_domain,
      tenancy.database_of(r.tenant_id) as database
    from tenancy.resolve_host(${host}) as r
  `);
  return (
    row && {
      id: row.tenant_id,
      status: row.status,
      isSite: row.is_site,
      keyGeneration: row.key_generation,
      migratedTo: row.migrated_to,
      primaryDomain: row.primary_domain,
      database: row.database,
    }
  );
}
