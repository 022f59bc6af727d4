import type { DatabasePool } from 'slonik';

import type { Config } from '../config/config.ts';
import { connectionTo } from '../db/admin/connection-config.ts';
import { unreachableOr } from '../db/admin/unreachable-or.ts';
import type { Project } from '../definition/define-project.ts';
import type { Observer } from '../observability/observer.ts';
import { assertProofKnown } from '../tenancy/context/assert-proof-known.ts';
import { createConcurrencyLimiter } from '../tenancy/context/concurrency-limiter.ts';
import { createDirectory, type Directory } from '../tenancy/context/directory.ts';
import { createHostLookup, type HostLookup } from '../tenancy/context/host-lookup.ts';
import { listenForInvalidations } from '../tenancy/context/invalidation-listener.ts';
import { mayEnter } from '../tenancy/context/may-enter.ts';
import { createPlacement, type Placement } from '../tenancy/context/placement.ts';
import { pushOneAtATime, pushTenant } from '../tenancy/context/push-tenant.ts';
import { createRequestHold, type RequestHold } from '../tenancy/context/request-hold.ts';
import { resolveHosts } from '../tenancy/context/resolve-host.ts';
import type { TenantDatabase } from '../tenancy/context/with-tenant.ts';
import { chooseDatabase, MAIN } from '../tenancy/registry/databases.ts';
import { createSchemaNames } from '../tenancy/registry/schema-names.ts';
import { openServiceDatabase, type ServiceDatabase } from './service-database.ts';

/** Milliseconds that a transaction waits in its tenant's queue, unless POOL_TIMEOUT is longer. */
const QUEUE_TIMEOUT_MS = 5_000;

type TenancyObserver = Pick<Observer, 'limitHit' | 'lookUp' | 'following'>;
type Warn = (message: string, facts?: Record<string, unknown>) => void;

/** The open, verified databases, and access to the tenants in them. */
export type Tenancy = Readonly<{
  databases: Readonly<Record<string, ServiceDatabase>>;
  /** Pools by database name that are separate from the lanes. */
  lookUps: Readonly<Record<string, DatabasePool>>;
  placement: Placement;
  tenantDatabase: TenantDatabase;
  directory: Directory;
  schemaOf: ReturnType<typeof createSchemaNames>['of'];
}>;

const byName = <T>(
  databases: Readonly<Record<string, ServiceDatabase>>,
  select: (database: ServiceDatabase) => T,
): Record<string, T> =>
  Object.fromEntries(Object.entries(databases).map(([name, database]) => [name, select(database)]));

async function openDatabases(
  config: Config,
  how: Parameters<typeof openServiceDatabase>[2],
): Promise<Readonly<Record<string, ServiceDatabase>>> {
  const urls = { [MAIN]: config.DATABASE_URL, ...config.DATABASES };
  const databases: Record<string, ServiceDatabase> = {};
  for (const [name, url] of Object.entries(urls)) {
    databases[name] = await openServiceDatabase(config, { name, url }, how).catch((error: unknown) => {
      throw name === MAIN ? error : unreachableOr(url, error, ['DATABASES']);
    });
  }
  return databases;
}

/** Returns the lookup of hosts in main. It also passes the database of each found tenant to `placement`. */
function createPlacedLookup(config: Config, main: ServiceDatabase, placement: Placement): HostLookup {
  const resolve = createHostLookup((hosts) =>
    resolveHosts(main.lookUps, hosts, {
      verifiedOutside: config.REQUIRE_DOMAIN_VERIFICATION ? config.BASE_DOMAIN : null,
    }),
  );
  return async (...args) => placement.record(await resolve(...args));
}

/** Follows changes of tenants, and pushes them from main to further databases. */
function followInvalidations(
  config: Config,
  {
    lookUps,
    directory,
    onMoving,
    observer,
    warn,
  }: Pick<Tenancy, 'lookUps' | 'directory'> &
    Readonly<{ onMoving: RequestHold['hold']; observer: TenancyObserver; warn: Warn }>,
): ReturnType<typeof listenForInvalidations> {
  const push = pushOneAtATime(async (tenant) => {
    await pushTenant(lookUps, config.TENANCY_KEYS[0], tenant).catch((error: Error) =>
      warn("a tenant's registry row could not be pushed to its database", { tenant, reason: error.message }),
    );
  });
  return listenForInvalidations({
    connection: connectionTo(config.LISTEN_DATABASE_URL ?? config.DATABASE_URL),
    directory,
    onMoving,
    onTenant: (tenant) => {
      if (Object.keys(lookUps).length > 1) {
        push(tenant);
      }
    },
    onFollowing: () => observer.following(true),
    onLost: (error) => {
      observer.following(false);
      warn('invalidation listener disconnected; changes arrive after DIRECTORY_TTL', {
        reason: error.message,
      });
    },
  });
}

/**
 * Opens pools, checks the requirements of each database, and subscribes to invalidations of
 * tenants. Every resource pushes its `close` onto `closers`, so that they are closed also when a
 * later step fails.
 *
 * @throws DomainError `precondition_failed` or `database_unavailable`
 */
export async function openTenancy(
  config: Config,
  {
    project,
    observer,
    warn,
    closers,
  }: {
    project: Project;
    observer: TenancyObserver;
    warn: Warn;
    closers: Array<() => Promise<unknown>>;
  },
): Promise<Tenancy> {
  const databases = await openDatabases(config, { project, closers, warn });
  const main = chooseDatabase(databases, MAIN);
  const lookUps = byName(databases, ({ lookUps: pool }) => pool);
  const placement = createPlacement(byName(databases, ({ shards }) => shards));

  const bareTenantDatabase: TenantDatabase = {
    poolOf: placement.poolOf,
    key: config.TENANCY_KEYS[0],
    statementTimeout: config.STATEMENT_TIMEOUT,
  };
  for (const { shards } of Object.values(databases)) {
    // Each lane with a login of its own must be able to enter.
    const lanes = config.LANE_LOGINS.length > 0 ? config.LANE_LOGINS.keys() : [null];
    for (const lane of lanes) {
      await assertProofKnown({ ...bareTenantDatabase, poolOf: (tenant) => shards.poolOf(tenant, lane) });
    }
  }
  const requestHold = createRequestHold({
    isOpen: (tenant) => mayEnter(bareTenantDatabase, placement, main.lookUps, tenant),
  });
  const schemas = createSchemaNames();
  const tenantDatabase: TenantDatabase = {
    ...bareTenantDatabase,
    wait: requestHold.wait,
    onRefused: (tenant) => requestHold.hold(tenant, 5),
    onEntered: schemas.record,
    idleTimeout: config.IDLE_IN_TRANSACTION_TIMEOUT,
    // One connection of a lane is reserved for other tenants, if it has two.
    concurrencyLimiter: createConcurrencyLimiter({
      limit: config.TENANT_CONCURRENCY || Math.max(1, main.shardSize - 1),
      timeoutMs: Math.max(QUEUE_TIMEOUT_MS, config.POOL_TIMEOUT),
      onRefused: () => observer.limitHit('concurrency'),
    }),
  };

  const directory = createDirectory({
    lookUp: createPlacedLookup(config, main, placement),
    ttl: config.DIRECTORY_TTL,
    onFind: observer.lookUp,
  });
  const invalidations = followInvalidations(config, {
    lookUps,
    directory,
    onMoving: requestHold.hold,
    observer,
    warn,
  });
  closers.push(invalidations.close);
  return { databases, lookUps, placement, tenantDatabase, directory, schemaOf: schemas.of };
}
