import type { ConnectionSource } from '../../db/pool/affine-pool.ts';
import { MAIN } from '../registry/databases.ts';
import type { ResolvedTenant, TenantId } from '../registry/tenant.ts';
import type { PoolShards } from './pool-shards.ts';

const UNPINNED_ON_MAIN = { database: MAIN, lane: null };

/** The database and the lane of each tenant, as this process read them last. */
export type Placement = Readonly<{
  /** Records the database and the lane of a tenant and returns the tenant. */
  record: <Located extends Pick<ResolvedTenant, 'id' | 'database' | 'lane'>>(
    tenant: Located | null,
  ) => Located | null;
  poolOf: (tenant: TenantId) => ConnectionSource;
  /** Returns where the tenant is served, as `<database>/<shard>`. */
  shardOf: (tenant: TenantId) => string;
}>;

/**
 * Creates the placement: it selects the pool shard in the database of a tenant. Stores only tenants
 * outside main and those that are pinned to a lane, so that it stays small.
 *
 * A stale entry is safe: a database rejects a tenant that it does not have (`KT005`), and a login cannot
 * become a tenant of another lane.
 */
export function createPlacement(
  shards: Readonly<Record<string, Pick<PoolShards, 'poolOf' | 'shardOf'>>>,
): Placement {
  const places = new Map<TenantId, Pick<ResolvedTenant, 'database' | 'lane'>>();
  const placeOf = (tenant: TenantId) => places.get(tenant) ?? UNPINNED_ON_MAIN;
  return {
    record: (tenant) => {
      if (tenant?.database === MAIN && tenant.lane === null) {
        places.delete(tenant.id);
      } else if (tenant) {
        places.set(tenant.id, { database: tenant.database, lane: tenant.lane });
      }
      return tenant;
    },
    poolOf: (tenant) => {
      const { database, lane } = placeOf(tenant);
      const found = Object.hasOwn(shards, database) ? shards[database] : undefined;
      if (!found) {
        throw new TypeError(`A tenant is on the database "${database}", which is not in DATABASES.`);
      }
      return found.poolOf(tenant, lane);
    },
    shardOf: (tenant) => {
      const { database, lane } = placeOf(tenant);
      return `${database}/${Object.hasOwn(shards, database) ? shards[database]?.shardOf(tenant, lane) : '-'}`;
    },
  };
}
