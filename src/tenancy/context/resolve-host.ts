import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

import { type Tenant, tenantId } from '../registry/tenant.ts';
import { needsVerification } from '../registry/verification.ts';

const resolved = z
  .object({
    tenant_id: tenantId,
    status: z.enum(['active', 'suspended', 'unpaid', 'maintenance', 'moving']),
    is_site: z.boolean(),
    key_generation: z.number(),
    migrated_to: z.string().nullable(),
    retry_after: z.number(),
    verified: z.boolean(),
    primary_domain: z.string(),
    primary_verified: z.boolean(),
    database: z.string(),
  })
  .strict();

/**
 * Asks the database where a host leads: one query, all that the service may know before it enters.
 *
 * `verifiedBeside`: the base domain where every other domain must be verified,
 * null where none must. A host that is not leads nowhere; a primary domain that
 * is not is nowhere to redirect to, and the host stands in its place.
 */
export async function resolveHost(
  pool: Pick<CommonQueryMethods, 'maybeOne'>,
  host: string,
  { verifiedBeside }: { verifiedBeside: string | null },
): Promise<Tenant | null> {
  const serves = (domain: string, verified: boolean): boolean =>
    verified || verifiedBeside === null || !needsVerification(domain, verifiedBeside);
  const row = await pool.maybeOne(sql.type(resolved)`
    select
      r.tenant_id,
      r.status,
      r.is_site,
      r.key_generation,
      r.migrated_to,
      r.retry_after,
      r.verified,
      r.primary_domain,
      r.primary_verified,
      tenancy.database_of(r.tenant_id) as database
    from tenancy.resolve_host(${host}) as r
  `);
  if (!row || !serves(host, row.verified)) {
    return null;
  }
  return {
    id: row.tenant_id,
    status: row.status,
    isSite: row.is_site,
    keyGeneration: row.key_generation,
    migratedTo: row.migrated_to,
    retryAfter: row.retry_after,
    primaryDomain: serves(row.primary_domain, row.primary_verified) ? row.primary_domain : host,
    database: row.database,
  };
}
