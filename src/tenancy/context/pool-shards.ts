import { createHash } from 'node:crypto';
import type { DatabasePool } from 'slonik';

import { openPool, type PoolSettings } from '../../db/pool/pool.ts';
import type { TenantId } from '../registry/tenant.ts';

export type PoolShards = Readonly<{
  /** Returns the pool of a tenant. It is always the same one. */
  poolOf: (tenant: TenantId) => DatabasePool;
  /** Returns the number of that pool, from 0. */
  shardOf: (tenant: TenantId) => number;
  /** Returns the state of every pool, by shard number. */
  states: () => ReadonlyArray<ReturnType<DatabasePool['state']>>;
  close: () => Promise<void>;
}>;

/** Returns the shard of a tenant, from 0. It is the same in all processes and after restarts. */
export function shardOf(tenant: TenantId, shards: number): number {
  return createHash('sha256').update(tenant).digest().readUInt32BE(0) % shards;
}

/**
 * Opens one pool for each shard. A backend keeps ~25 kB for every table that it has used, so each
 * backend should see only a part of the tenants. A tenant that floods its shard does not affect the
 * other shards.
 *
 * Each shard may have its own settings, and so its own login.
 */
export async function openPoolShards(settings: readonly PoolSettings[]): Promise<PoolShards> {
  const pools = await Promise.all(settings.map((shard) => openPool(shard)));
  const [first] = pools;
  if (!first) {
    throw new TypeError('There must be at least one lane.');
  }
  return {
    poolOf: (tenant) => pools[shardOf(tenant, pools.length)] ?? first,
    shardOf: (tenant) => shardOf(tenant, pools.length),
    states: () => pools.map((pool) => pool.state()),
    close: async () => {
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
}
