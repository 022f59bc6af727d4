import type { ConnectionSource } from '../../db/pool/affine-pool.ts';
import { MAIN } from '../registry/databases.ts';
import type { Tenant, TenantId } from '../registry/tenant.ts';
import type { PoolShards } from './pool-shards.ts';

/** The database of each tenant, as this process read it last. */
export type Placement = Readonly<{
  /** Remembers the database of a tenant and returns the tenant. */
  remember: <Located extends Pick<Tenant, 'id' | 'database'>>(tenant: Located | null) => Located | null;
  poolOf: (tenant: TenantId) => ConnectionSource;
  /** Returns where the tenant is served, as `<database>/<shard>`. */
  shardOf: (tenant: TenantId) => string;
}>;

/**
 * Creates the placement: it selects the pool shard in the database of a tenant. Remembers only tenants
 * outside main, so that it stays small.
 *
 * A stale entry is safe: a database rejects a tenant that it does not have (`KT005`).
 */
export function createPlacement(
  shards: Readonly<Record<string, Pick<PoolShards, 'poolOf' | 'shardOf'>>>,
): Placement {
  const databases = new Map<TenantId, string>();
  const databaseOf = (tenant: TenantId): string => databases.get(tenant) ?? MAIN;
  return {
    remember: (tenant) => {
      if (tenant?.database === MAIN) {
        databases.delete(tenant.id);
      } else if (tenant) {
        databases.set(tenant.id, tenant.database);
      }
      return tenant;
    },
    poolOf: (tenant) => {
      const database = databaseOf(tenant);
      const found = Object.hasOwn(shards, database) ? shards[database] : undefined;
      if (!found) {
        throw new TypeError(`A tenant is on the database "${database}", which is not in DATABASES.`);
      }
      return found.poolOf(tenant);
    },
    shardOf: (tenant) => {
      const database = databaseOf(tenant);
      return `${database}/${Object.hasOwn(shards, database) ? shards[database]?.shardOf(tenant) : '-'}`;
    },
  };
}
