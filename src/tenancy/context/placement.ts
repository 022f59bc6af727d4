import type { DatabasePool } from 'slonik';

import { MAIN } from '../registry/databases.ts';
import type { Tenant, TenantId } from '../registry/tenant.ts';
import type { Lanes } from './pool-shards.ts';

/** Which database each tenant lives on, as this process heard it last. */
export type Homes = Readonly<{
  /** Takes a tenant as it was looked up, and hands it on. */
  remember: <Home extends Pick<Tenant, 'id' | 'database'>>(tenant: Home | null) => Home | null;
  poolOf: (tenant: TenantId) => DatabasePool;
  /** Where it is served, as `<database>/<lane>`. */
  laneOf: (tenant: TenantId) => string;
}>;

/**
 * Leads each tenant to the lanes of its database. Only those that do not live on
 * main are remembered, so that it stays small.
 *
 * Not believed: a database refuses who does not live there (`KT005`).
 */
export function createHomes(lanes: Readonly<Record<string, Pick<Lanes, 'poolOf' | 'laneOf'>>>): Homes {
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
      const found = Object.hasOwn(lanes, home) ? lanes[home] : undefined;
      if (!found) {
        throw new TypeError(`A tenant lives on the database "${home}", which DATABASES does not name.`);
      }
      return found.poolOf(tenant);
    },
    laneOf: (tenant) => {
      const home = homeOf(tenant);
      return `${home}/${Object.hasOwn(lanes, home) ? lanes[home]?.laneOf(tenant) : '-'}`;
    },
  };
}
