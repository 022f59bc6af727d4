import { createHash } from 'node:crypto';
import type { DatabasePool } from 'slonik';

import { openPool, type PoolSettings } from '../../db/pool/pool.ts';
import type { TenantId } from '../registry/tenant.ts';

export type PoolShards = Readonly<{
  /** Always the same pool for the same tenant. */
  poolOf: (tenant: TenantId) => DatabasePool;
  /** The number of that pool, from 0. */
  shardOf: (tenant: TenantId) => number;
  /** How its pools stand, by their numbers. */
  states: () => ReadonlyArray<ReturnType<DatabasePool['state']>>;
  close: () => Promise<void>;
}>;

/** The lane of a tenant, from 0: stable between processes and restarts. */
export function shardOf(tenant: TenantId, shards: number): number {
  return createHash('sha256').update(tenant).digest().readUInt32BE(0) % shards;
}

/**
 * Opens one pool a lane. A backend keeps ~25 kB for every table it has ever
 * touched, so that each sees 1/lanes of the fleet; and a tenant that floods its
 * lane leaves the others alone.
 *
 * Each lane may have settings (and so a login) of its own.
 */
export async function openPoolShards(settings: readonly PoolSettings[]): Promise<PoolShards> {
  const pools = await Promise.all(settings.map((lane) => openPool(lane)));
  const [first] = pools;
  if (!first) {
    throw new TypeError('There is at least one lane.');
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
