import { createGrowingCache } from '../../growing-cache.ts';
import type { ResolvedTenant } from '../registry/tenant.ts';
import type { HostLookup } from './host-lookup.ts';

export type Directory = Readonly<{
  /** Returns the tenant of a host, or null. `host` must be normalized: lowercase, without a port. */
  find: (host: string) => Promise<ResolvedTenant | null>;
  /** Deletes the cached entries of one tenant. */
  invalidateTenant: (id: string) => void;
  invalidateHost: (host: string) => void;
  /** Deletes all cached entries. Called when notifications may have been missed. */
  invalidateAll: () => void;
}>;

/** Maximum seconds for which an unknown host is cached. A new tenant must not wait for the whole TTL. */
const NEGATIVE_TTL = 10;
/**
 * Maximum number of hosts that are known to have resolved to a tenant. Their next lookup has priority
 * over unknown hosts.
 */
const MAX_KNOWN = 100_000;

/** Whether a host was in the cache. A host without a tenant that was not in the cache counts as `unknown`. */
export type LookUpResult = 'hit' | 'miss' | 'unknown';

type Cached = { tenant: ResolvedTenant | null };

/**
 * Creates a cache from hostname to tenant, for `ttl` seconds, unknown hosts included.
 *
 * Concurrent requests for one host share one query. The result of a lookup that was in progress during
 * an invalidation is returned but not cached: it may have read the old row.
 */
export function createDirectory({
  lookUp,
  ttl,
  max = 10_000,
  onFind = () => {},
}: {
  lookUp: HostLookup;
  ttl: number;
  max?: number;
  onFind?: (result: LookUpResult) => void;
}): Directory {
  const known = createGrowingCache<string, Cached>(max, { ttl: ttl * 1000 });
  // A separate cache: a flood of unknown hosts must not displace those of tenants.
  const unknown = createGrowingCache<string, Cached>(max, { ttl: Math.min(ttl, NEGATIVE_TTL) * 1000 });
  const seen = createGrowingCache<string, true>(MAX_KNOWN);
  const lookUps = new Map<string, Promise<ResolvedTenant | null>>();
  let epoch = 0;

  const invalidate = (isStale: (host: string, tenant: ResolvedTenant | null) => boolean): void => {
    epoch += 1;
    lookUps.clear();
    for (const cache of [known, unknown]) {
      for (const [host, { tenant }] of [...cache.entries()]) {
        if (isStale(host, tenant)) {
          cache.delete(host);
        }
      }
    }
  };

  const read = async (host: string): Promise<ResolvedTenant | null> => {
    const started = epoch;
    const tenant = await lookUp(host, seen.has(host));
    if (tenant) {
      seen.set(host, true);
    } else {
      seen.delete(host);
    }
    if (started === epoch) {
      (tenant ? known : unknown).set(host, { tenant });
      (tenant ? unknown : known).delete(host);
    }
    return tenant;
  };

  return {
    find: async (host) => {
      const cached = known.get(host) ?? unknown.get(host);
      if (cached) {
        onFind('hit');
        return cached.tenant;
      }
      const shared = lookUps.get(host);
      if (shared) {
        onFind('hit');
        return shared;
      }
      const fresh = read(host);
      lookUps.set(host, fresh);
      try {
        const tenant = await fresh;
        onFind(tenant ? 'miss' : 'unknown');
        return tenant;
      } finally {
        if (lookUps.get(host) === fresh) {
          lookUps.delete(host);
        }
      }
    },
    invalidateTenant: (id) => invalidate((_host, tenant) => tenant?.id === id),
    invalidateHost: (host) => invalidate((known) => known === host),
    invalidateAll: () => invalidate(() => true),
  };
}
