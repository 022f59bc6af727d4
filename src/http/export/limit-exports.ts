import type { DatabasePool } from 'slonik';

import { Unavailable } from '../../errors.ts';
import type { TenantDatabase } from '../../tenancy/context/with-tenant.ts';
import type { TenantId } from '../../tenancy/registry/tenant.ts';

export type ExportLimiter = Readonly<{
  /**
   * Counts an export until the returned function is called.
   *
   * @throws Unavailable `overloaded`
   */
  enter: (tenant: TenantId) => () => void;
}>;

/** Seconds. An export may take longer, but often takes less. */
const RETRY_AFTER = 5;

/**
 * Limits the exports of this process. An export holds a connection for as long as its client takes to read it: each
 * tenant may have one, and all tenants of a pool shard together half of its connections.
 */
export function createExportLimiter({ poolOf }: Pick<TenantDatabase, 'poolOf'>): ExportLimiter {
  const tenants = new Set<TenantId>();
  const pools = new WeakMap<DatabasePool, number>();
  return {
    enter: (tenant) => {
      if (tenants.has(tenant)) {
        throw new Unavailable('overloaded', 'Another export of this tenant is running.', RETRY_AFTER);
      }
      const pool = poolOf(tenant);
      const running = pools.get(pool) ?? 0;
      if (running >= Math.max(1, Math.floor((pool.configuration.maxPoolSize ?? 1) / 2))) {
        throw new Unavailable('overloaded', 'Too many exports are running. Try again shortly.', RETRY_AFTER);
      }
      tenants.add(tenant);
      pools.set(pool, running + 1);
      return () => {
        tenants.delete(tenant);
        pools.set(pool, (pools.get(pool) ?? 1) - 1);
      };
    },
  };
}
