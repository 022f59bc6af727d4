import type pg from 'pg';

import { type Config, laneLoginsOf } from '../../config/config.ts';
import { connectionTo, loginOf } from '../../db/admin/connection-config.ts';
import { DomainError, OperatorError } from '../../errors.ts';
import { distinctFiles } from '../../tenancy/fleet/changed-files.ts';
import { type Fleet, type MigrationReport, migrate } from '../../tenancy/fleet/migrate.ts';
import { joinPlans, type MigrationPlan, planMigration } from '../../tenancy/fleet/plan-migration.ts';
import { copyAudit } from '../../tenancy/operations/copy-audit.ts';
import { chooseDatabase, MAIN } from '../../tenancy/registry/databases.ts';
import type { Databases } from '../../tenancy/registry/locate-tenant.ts';
import type { TenancyProject } from '../../tenancy/registry/project.ts';
import { reconcileRegistry } from '../../tenancy/registry/reconcile-registry.ts';
import { type DomainName, parseDomainName } from '../../tenancy/registry/tenant.ts';

/** Returns the hosts of the public site. */
export function siteDomains(base: DomainName): readonly DomainName[] {
  return [base, parseDomainName(`www.${base}`)];
}

/** Returns the installation-wide configuration of the fleet. */
export function fleetOf(project: TenancyProject, config: Config): Fleet {
  const { user, password } = loginOf(config.DATABASE_URL);
  return {
    service: user,
    servicePassword: password,
    keys: config.TENANCY_KEYS,
    laneLogins: laneLoginsOf(config),
    contextMode: config.TENANCY_CONTEXT,
    siteDomains: siteDomains(config.BASE_DOMAIN),
    project,
  };
}

/** Returns the fleet configuration of one database. Further databases have their own login, and no public site. */
export function fleetOn(project: TenancyProject, config: Config, name: string): Fleet {
  if (name === MAIN) {
    return fleetOf(project, config);
  }
  const { user, password } = loginOf(chooseDatabase(config.DATABASES, name));
  return {
    ...fleetOf(project, config),
    service: user,
    servicePassword: password,
    siteDomains: [],
    database: name,
  };
}

/**
 * Returns every configured database, as commands for operators connect to it.
 *
 * @throws OperatorError `configuration_invalid` when DATABASES and OWNER_DATABASES do not name the
 *   same databases
 */
export function databasesOf(config: Config, ownerUrl: string): Databases {
  const { DATABASES, OWNER_DATABASES } = config;
  const odd = [...Object.keys(DATABASES), ...Object.keys(OWNER_DATABASES)].find(
    (name) => !Object.hasOwn(DATABASES, name) || !Object.hasOwn(OWNER_DATABASES, name),
  );
  if (odd !== undefined) {
    throw new OperatorError(
      'configuration_invalid',
      `DATABASES and OWNER_DATABASES must name the same databases. Only one of them has "${odd}".`,
    );
  }
  const named = (name: string, url: string, owner: string): Databases => ({
    [name]: { name, owner: connectionTo(owner), service: loginOf(url).user },
  });
  return Object.entries(DATABASES).reduce(
    (all, [name, url]) => Object.assign(all, named(name, url, OWNER_DATABASES[name] ?? '')),
    named(MAIN, config.DATABASE_URL, ownerUrl),
  );
}

/** Copies the registry and the audit of main to every further database, and back what their tenants have added. Does nothing when there is none. */
export async function reconcileFleet(databases: Databases): Promise<void> {
  const main = chooseDatabase(databases, MAIN);
  for (const { name, owner } of Object.values(databases)) {
    if (name !== MAIN) {
      await reconcileRegistry(main.owner, owner, name);
      await copyAudit(main.owner, owner, name);
    }
  }
}

type Options = NonNullable<Parameters<typeof migrate>[2]>;
type Scope = NonNullable<Parameters<typeof planMigration>[2]>;

/** Queries every database, main first. A named tenant is on one of them. */
async function eachDatabase<T>(
  project: TenancyProject,
  config: Config,
  ownerUrl: string,
  {
    schema = null,
    run,
  }: { schema?: string | null | undefined; run: (owner: pg.ClientConfig, fleet: Fleet) => Promise<T> },
): Promise<readonly T[]> {
  const results: T[] = [];
  let missing: DomainError | undefined;
  for (const { name, owner } of Object.values(databasesOf(config, ownerUrl))) {
    try {
      results.push(await run(owner, fleetOn(project, config, name)));
    } catch (error) {
      if (schema === null || !(error instanceof DomainError && error.code === 'tenant_not_found')) {
        throw error;
      }
      missing = error;
    }
  }
  if (missing && results.length === 0) {
    throw missing;
  }
  return results;
}

/** Returns the plan of `migrateFleet` with the same options, for all databases. */
export async function planFleet(
  project: TenancyProject,
  config: Config,
  ownerUrl: string,
  scope: Scope,
): Promise<MigrationPlan> {
  return joinPlans(
    await eachDatabase(project, config, ownerUrl, {
      schema: scope.schema,
      run: (owner, fleet) => planMigration(owner, fleet, scope),
    }),
  );
}

/**
 * Migrates every database: main first, then the others, each with its own shared schema and its
 * tenants. Returns one report for all.
 */
export async function migrateFleet(
  project: TenancyProject,
  config: Config,
  ownerUrl: string,
  options: Options = {},
): Promise<MigrationReport> {
  const databases = databasesOf(config, ownerUrl);
  const reports = await eachDatabase(project, config, ownerUrl, {
    schema: options.schema,
    run: (owner, fleet) => migrate(owner, fleet, options),
  });
  const [first] = reports;
  if (!first) {
    throw new TypeError('No database is configured.');
  }
  await reconcileFleet(databases);
  return {
    contextMode: first.contextMode,
    installed: reports.some(({ installed }) => installed),
    newer: reports.some(({ newer }) => newer),
    shared: first.shared,
    tenants: reports.flatMap(({ tenants }) => tenants),
    concurrent: reports.flatMap(({ concurrent }) => concurrent),
    undone: reports.flatMap(({ undone }) => undone),
    failures: reports.flatMap(({ failures }) => failures),
    changed: distinctFiles(reports.map(({ changed }) => changed)),
    left: reports.reduce((sum, { left }) => sum + left, 0),
  };
}
