import { createHash } from 'node:crypto';
import type { DatabasePool } from 'slonik';
import { type ConnectionSource, openAffinePool } from '../../db/pool/affine-pool.ts';
import type { PoolSettings } from '../../db/pool/pool.ts';
import { createGrowingCache } from '../../growing-cache.ts';
import type { TenantId } from '../registry/tenant.ts';

export type PoolShards = Readonly<{
  /** Returns the pool of a tenant, which is always the same one. It prefers the same
   * connection each time. `pinned` is the shard that the tenant is pinned to.
   *
   * @throws TypeError when there is no such shard
   */
  poolOf: (tenant: TenantId, pinned: number | null) => ConnectionSource;
  /** Returns the number of that pool, from 0. */
  shardOf: (tenant: TenantId, pinned: number | null) => number;
  /** Returns the state of every pool, by shard number. */
  states: () => ReadonlyArray<ReturnType<DatabasePool['state']>>;
  close: () => Promise<void>;
}>;

type Assignment = Readonly<{ pinned: number | null; shard: number; source: ConnectionSource }>;

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
 * Each shard may have its own settings, and so its own login. The first `shared` ones serve the tenants that
 * are pinned to none. Default: all.
 */
export async function openPoolShards(
  settings: readonly PoolSettings[],
  shared = settings.length,
): Promise<PoolShards> {
  const pools = await Promise.all(settings.map((shard) => openAffinePool(shard)));
  if (pools.length === 0) {
    throw new TypeError('There must be at least one lane.');
  }
  const known = createGrowingCache<TenantId, Assignment>(MAX_KNOWN);
  // Called twice by each request: for its connection and for its log line.
  const assignmentOf = (tenant: TenantId, pinned: number | null): Assignment => {
    const found = known.get(tenant);
    if (found?.pinned === pinned) {
      return found;
    }
    const digest = digestOf(tenant);
    const shard = pinned ?? digest.readUInt32BE(0) % shared;
    const pool = pools[shard];
    if (!pool) {
      throw new TypeError(`A tenant is pinned to lane ${shard}, which has no login in LANE_LOGINS.`);
    }
    const assigned = { pinned, shard, source: pool.preferring(digest.readUInt32BE(4)) };
    known.set(tenant, assigned);
    return assigned;
  };
  return {
    poolOf: (tenant, pinned) => assignmentOf(tenant, pinned).source,
    shardOf: (tenant, pinned) => assignmentOf(tenant, pinned).shard,
    states: () => pools.map((pool) => pool.state()),
    close: async () => {
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
}
