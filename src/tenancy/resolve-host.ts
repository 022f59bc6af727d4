import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

import { type Tenant, tenantId } from './tenant.ts';
import { needsVerification } from './verification.ts';

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
      tenant_id, status, is_site, key_generation, migrated_to, retry_after, verified, primary_domain, primary_verified
    from tenancy.resolve_host(${host})
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
  };
}
