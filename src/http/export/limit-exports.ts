import { Unavailable } from '../../errors.ts';
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
 * Limits the exports of this process: one of each tenant, and `perShard` of all tenants of a pool shard. An export holds
 * a connection for as long as its client takes to read it.
 */
export function createExportLimiter({
  shardOf,
  perShard,
}: Readonly<{ shardOf: (tenant: TenantId) => string; perShard: number }>): ExportLimiter {
  const tenants = new Set<TenantId>();
  const shards = new Map<string, number>();
  return {
    enter: (tenant) => {
      if (tenants.has(tenant)) {
        throw new Unavailable('overloaded', 'Another export of this tenant is running.', RETRY_AFTER);
      }
      const shard = shardOf(tenant);
      const running = shards.get(shard) ?? 0;
      if (running >= perShard) {
        throw new Unavailable('overloaded', 'Too many exports are running. Try again shortly.', RETRY_AFTER);
      }
      tenants.add(tenant);
      shards.set(shard, running + 1);
      return () => {
        tenants.delete(tenant);
        shards.set(shard, (shards.get(shard) ?? 1) - 1);
      };
    },
  };
}
