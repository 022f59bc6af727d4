import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

import { type ResolvedTenant, tenantId } from '../registry/tenant.ts';
import { needsVerification } from '../registry/verification.ts';

const resolved = z
  .object({
    host: z.string(),
    tenant_id: tenantId,
    status: z.enum(['active', 'suspended', 'unpaid', 'maintenance', 'moving']),
    is_site: z.boolean(),
    key_generation: z.number(),
    migrated_to: z.string().nullable(),
    transactional_applied: z.number(),
    retry_after: z.number(),
    verified: z.boolean(),
    primary_domain: z.string(),
    primary_verified: z.boolean(),
    database: z.string(),
    lane: z.number().nullable(),
  })
  .strict();

/**
 * Returns the tenants of hosts, in one query: everything that the service may know before it enters a
 * tenant. Hosts without a tenant are missing in the result.
 *
 * `verifiedOutside`: the base domain if all domains outside of it must be verified, otherwise null. An
 * unverified host has no tenant. If the primary domain is unverified, the requested host replaces it
 * as the target of redirects.
 */
export async function resolveHosts(
  pool: Pick<CommonQueryMethods, 'any'>,
  hosts: readonly string[],
  { verifiedOutside }: { verifiedOutside: string | null },
): Promise<ReadonlyMap<string, ResolvedTenant>> {
  const serves = (domain: string, verified: boolean): boolean =>
    verified || verifiedOutside === null || !needsVerification(domain, verifiedOutside);
  const rows = await pool.any(sql.type(resolved)`
    select
      h.host,
      r.tenant_id,
      r.status,
      r.is_site,
      r.key_generation,
      r.migrated_to,
      r.transactional_applied,
      r.retry_after,
      r.verified,
      r.primary_domain,
      r.primary_verified,
      tenancy.database_of(r.tenant_id) as database,
      tenancy.lane_of(r.tenant_id) as lane
    from unnest(${sql.array(hosts, 'text')}) as h (host)
    cross join lateral tenancy.resolve_host(h.host) as r
  `);
  return new Map(
    rows
      .filter(({ host, verified }) => serves(host, verified))
      .map((row) => [
        row.host,
        {
          id: row.tenant_id,
          status: row.status,
          isSite: row.is_site,
          keyGeneration: row.key_generation,
          migratedTo: row.migrated_to,
          transactionalApplied: row.transactional_applied,
          retryAfter: row.retry_after,
          primaryDomain: serves(row.primary_domain, row.primary_verified) ? row.primary_domain : row.host,
          database: row.database,
          lane: row.lane,
        },
      ]),
  );
}
