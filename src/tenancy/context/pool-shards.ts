import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { DatabasePool } from 'slonik';

import { type AffinePool, type ConnectionSource, openAffinePool } from '../../db/pool/affine-pool.ts';
import type { PoolSettings } from '../../db/pool/pool.ts';
import type { TenantId } from '../registry/tenant.ts';

export type PoolShards = Readonly<{
  /** Returns the pool of a tenant, which is always the same one. It prefers the same connection each time. */
  poolOf: (tenant: TenantId) => ConnectionSource;
  /** Returns the number of that pool, from 0. */
  shardOf: (tenant: TenantId) => number;
  /** Returns the state of every pool, by shard number. */
  states: () => ReadonlyArray<ReturnType<DatabasePool['state']>>;
  close: () => Promise<void>;
}>;

type Assignment = Readonly<{ shard: number; source: ConnectionSource }>;

/** Maximum number of tenants whose shard is cached. */
const MAX_KNOWN = 20_000;

const digestOf = (tenant: TenantId): Buffer => createHash('sha256').update(tenant).digest();

/** Returns the shard of a tenant, from 0. It is the same in all processes and after restarts. */
export const shardOf = (tenant: TenantId, shards: number): number =>
  digestOf(tenant).readUInt32BE(0) % shards;

/**
 * Opens one pool for each shard. A backend keeps ~25 kB for every table that it has used, so each
 * backend should see only a part of the tenants. A tenant that floods its shard does not affect the
 * other shards.
 *
 * Each shard may have its own settings, and so its own login.
 */
export async function openPoolShards(settings: readonly PoolSettings[]): Promise<PoolShards> {
  const pools = await Promise.all(settings.map((shard) => openAffinePool(shard)));
  const [first] = pools;
  if (!first) {
    throw new TypeError('There must be at least one lane.');
  }
  const known = new LRUCache<TenantId, Assignment>({ max: MAX_KNOWN });
  // A request asks twice: for its connection and for its log line.
  const assignmentOf = (tenant: TenantId): Assignment => {
    const found = known.get(tenant);
    if (found) {
      return found;
    }
    const digest = digestOf(tenant);
    const shard = digest.readUInt32BE(0) % pools.length;
    const pool: AffinePool = pools[shard] ?? first;
    const assigned = { shard, source: pool.preferring(digest.readUInt32BE(4)) };
    known.set(tenant, assigned);
    return assigned;
  };
  return {
    poolOf: (tenant) => assignmentOf(tenant).source,
    shardOf: (tenant) => assignmentOf(tenant).shard,
    states: () => pools.map((pool) => pool.state()),
    close: async () => {
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
}
