import type { Config } from '../config.ts';
import { connectionTo, loginOf } from '../db/connection.ts';
import { type Fleet, type MigrationReport, migrate } from '../tenancy/migrate.ts';
import { type DomainName, parseDomainName } from '../tenancy/tenant.ts';

/** The hosts of the public site. */
export function siteDomains(base: DomainName): readonly DomainName[] {
  return [base, parseDomainName(`www.${base}`)];
}

/** What the configuration says of the whole installation. */
export function fleetOf(config: Config): Fleet {
  const { user, password } = loginOf(config.DATABASE_URL);
  return {
    service: user,
    servicePassword: password,
    keys: config.TENANCY_KEYS,
    carrier: config.TENANCY_CONTEXT,
    siteDomains: siteDomains(config.BASE_DOMAIN),
  };
}

export const migrateFleet = (
  config: Config,
  ownerUrl: string,
  options: Parameters<typeof migrate>[2] = {},
): Promise<MigrationReport> => migrate(connectionTo(ownerUrl), fleetOf(config), options);
