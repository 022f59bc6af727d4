import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
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

/** Maximum number of tenants whose shard is cached. */
const MAX_KNOWN = 20_000;

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
  const known = new LRUCache<TenantId, number>({ max: MAX_KNOWN });
  // A request asks twice: for its connection and for its log line.
  const knownShardOf = (tenant: TenantId): number => {
    const shard = known.get(tenant) ?? shardOf(tenant, pools.length);
    known.set(tenant, shard);
    return shard;
  };
  return {
    poolOf: (tenant) => pools[knownShardOf(tenant)] ?? first,
    shardOf: knownShardOf,
    states: () => pools.map((pool) => pool.state()),
    close: async () => {
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
}
