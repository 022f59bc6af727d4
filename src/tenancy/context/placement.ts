import type { DatabasePool } from 'slonik';

import { MAIN } from '../registry/databases.ts';
import type { Tenant, TenantId } from '../registry/tenant.ts';
import type { PoolShards } from './pool-shards.ts';

/** Which database each tenant lives on, as this process heard it last. */
export type Placement = Readonly<{
  /** Takes a tenant as it was looked up, and hands it on. */
  remember: <Home extends Pick<Tenant, 'id' | 'database'>>(tenant: Home | null) => Home | null;
  poolOf: (tenant: TenantId) => DatabasePool;
  /** Where it is served, as `<database>/<lane>`. */
  shardOf: (tenant: TenantId) => string;
}>;

/**
 * Leads each tenant to the lanes of its database. Only those that do not live on
 * main are remembered, so that it stays small.
 *
 * Not believed: a database refuses who does not live there (`KT005`).
 */
export function createPlacement(
  shards: Readonly<Record<string, Pick<PoolShards, 'poolOf' | 'shardOf'>>>,
): Placement {
  const away = new Map<TenantId, string>();
  const homeOf = (tenant: TenantId): string => away.get(tenant) ?? MAIN;
  return {
    remember: (tenant) => {
      if (tenant?.database === MAIN) {
        away.delete(tenant.id);
      } else if (tenant) {
        away.set(tenant.id, tenant.database);
      }
      return tenant;
    },
    poolOf: (tenant) => {
      const home = homeOf(tenant);
      const found = Object.hasOwn(shards, home) ? shards[home] : undefined;
      if (!found) {
        throw new TypeError(`A tenant lives on the database "${home}", which DATABASES does not name.`);
      }
      return found.poolOf(tenant);
    },
    shardOf: (tenant) => {
      const home = homeOf(tenant);
      return `${home}/${Object.hasOwn(shards, home) ? shards[home]?.shardOf(tenant) : '-'}`;
    },
  };
}
