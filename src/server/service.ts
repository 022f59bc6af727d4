import type { RequestListener } from 'node:http';

import type { Config } from '../config/config.ts';
import { findNodeVulnerability } from '../config/node-version.ts';
import { unreachableOr } from '../db/admin/unreachable-or.ts';
import { createConstraintColumns } from '../db/constraint-columns.ts';
import { translateViolation } from '../db/violations.ts';
import type { Project } from '../definition/define-project.ts';
import { ApiError, type DomainError } from '../errors.ts';
import { bugContextOf, NO_REQUEST } from '../http/middleware/error-handler.ts';
import { createRequestLimit } from '../http/rate-limit/request-limit.ts';
import { isClientGone, type Listening, listen } from '../http/server/listen.ts';
import type { Context } from '../http/state.ts';
import type { Observed } from '../observability/database-metrics.ts';
import { describeError } from '../observability/describe-error.ts';
import type { ServiceLog } from '../observability/logger.ts';
import type { RequiredMigrations } from '../tenancy/registry/project.ts';
import { readStatistics } from '../tenancy/registry/statistics.ts';
import { buildApp } from './app.ts';
import { checkFleet } from './check-fleet.ts';
import { openResources } from './open-resources.ts';
import type { Tenancy } from './open-tenancy.ts';

export type Service = Readonly<{
  port: number;
  /** Port of the metrics endpoint. Null when this process does not serve it. */
  metricsPort: number | null;
  /** Number of requests whose response is not completely sent. */
  requestsInProgress: () => number;
  /** Logs and counts a bug outside any request. */
  reportBug: (error: unknown) => void;
  /** Resolves when a check that runs while the service serves has a finding. The service must stop. */
  faultFound: Promise<DomainError>;
  /** Makes `/readyz` respond 503 and every response close its connection. Continues to serve. */
  drain: (how?: { quietly?: boolean }) => void;
  /**
   * Waits up to `SHUTDOWN_GRACE` seconds for requests in progress, then closes pools, mail and the
   * invalidation listener. Returns the number of aborted requests.
   */
  close: () => Promise<number>;
}>;

/**
 * Opens pools, checks the requirements of the database, and listens.
 *
 * Every resource pushes its `close` onto `closers`. They run in reverse order, also when a later
 * step fails.
 *
 * @throws DomainError `precondition_failed` or `database_unavailable`, or the error of listening
 */
export async function openService(project: Project, config: Config, log: ServiceLog): Promise<Service> {
  const vulnerability = findNodeVulnerability();
  if (vulnerability) {
    log.warn(`${vulnerability.fault}. ${vulnerability.remedy}`);
  }
  const closers: Array<() => Promise<unknown>> = [];
  const closeAll = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) {
      // An error must not prevent the other resources from closing.
      await closer().catch((error: Error) => log.warn('a resource did not close', { reason: error.message }));
    }
  };
  try {
    const { close, ...opened } = await open(project, config, log, closers);
    return {
      ...opened,
      close: async () => {
        const aborted = await close(config.SHUTDOWN_GRACE * 1000);
        if (aborted > 0) {
          log.warn('requests were aborted', { requests: aborted });
        }
        await closeAll();
        return aborted;
      },
    };
  } catch (error) {
    await closeAll();
    throw unreachableOr(config.DATABASE_URL, error, ['DATABASE_URL']);
  }
}

/** Returns the databases whose metrics are collected. */
const observedDatabases = (
  databases: Tenancy['databases'],
  expected: RequiredMigrations,
  dueWork: readonly string[],
  { warn }: Pick<ServiceLog, 'warn'>,
): readonly Observed[] =>
  Object.entries(databases).map(([name, { lookUps: pool, shards, shardSize, statementUsage, isReady }]) => ({
    name,
    shardSize,
    statementUsage,
    pools: () => [
      ['lookups', pool.state()],
      ...shards.states().map((state, lane) => [String(lane), state] as const),
    ],
    isReady,
    statistics: () => readStatistics(pool, expected, dueWork),
    onFailure: (error) =>
      warn(`the statistics of ${name} could not be read; their metrics are missing`, {
        error: describeError(error),
      }),
  }));

/** Returns the dependencies of the app that are settings. */
const appSettings = (config: Config) => ({
  corsDefaults: config,
  siteDomain: config.BASE_DOMAIN,
  showSite: config.SHOW_PUBLIC_IF_NO_TENANT_FOUND,
  redirectToPrimary: config.REDIRECT_TO_PRIMARY,
  showConsole: config.CONSOLE === 'on',
  trustedProxies: config.TRUST_PROXY,
  https: {
    redirect: config.SECURE_SSL_REDIRECT,
    hstsSeconds: config.SECURE_HSTS_SECONDS,
    hstsIncludeSubdomains: config.SECURE_HSTS_INCLUDE_SUBDOMAINS,
    hstsPreload: config.SECURE_HSTS_PRELOAD,
  },
});

const listenOn = (config: Config, handler: RequestListener): Promise<Listening> =>
  listen(handler, {
    port: config.PORT,
    host: config.BIND_ADDRESS,
    limits: {
      requestTimeout: config.REQUEST_TIMEOUT * 1000,
      keepAliveTimeout: config.KEEP_ALIVE_TIMEOUT * 1000,
      maxConnections: config.MAX_CONNECTIONS,
      maxConnectionsPerAddress: config.MAX_CONNECTIONS_PER_ADDRESS,
      isProxy: (address) => config.TRUST_PROXY?.(address, 0) ?? false,
    },
  });

/** Opens the resources, builds the app and listens. Every resource pushes its `close` onto `closers`. */
async function open(
  project: Project,
  config: Config,
  log: ServiceLog,
  closers: Array<() => Promise<unknown>>,
): Promise<Listening & Pick<Service, 'metricsPort' | 'reportBug' | 'faultFound'>> {
  const resources = await openResources(project, config, log, closers);
  const { observer, requestCounter, startTrace, tenancy, throttleStore, apps, expected, dueWork } = resources;
  const { databases, placement } = tenancy;
  observer.watch(observedDatabases(databases, expected, dueWork, log));
  const onBug: ServiceLog['bug'] = (...bug) => {
    observer.bug();
    log.bug(...bug);
  };
  const constraintColumns = createConstraintColumns();
  let stopping = false;
  const app = buildApp({
    ...appSettings(config),
    ...apps,
    directory: tenancy.directory,
    tenantDatabase: tenancy.tenantDatabase,
    expected,
    isStopping: () => stopping,
    isReady: async () => {
      const ready = await Promise.all(Object.values(databases).map((each) => each.isReady()));
      return ready.every((is) => is);
    },
    writeRequest: (line) => {
      log.request(line);
      observer.request(line);
      requestCounter.add(line);
    },
    startTrace,
    requestLimit: createRequestLimit(throttleStore),
    onLimit: observer.limitHit,
    schemaOf: tenancy.schemaOf,
    shardOf: placement.shardOf,
    exportsPerShard: Math.max(1, Math.floor(config.POOL_SIZE / config.LANES / 2)),
    onBug,
    columnsOf: (tenant, violation) => constraintColumns(placement.poolOf(tenant), violation),
  });
  // Errors of responses that have begun.
  app.on('error', (error: unknown, ctx?: Context) => {
    const explained = translateViolation(error, {});
    if (!isClientGone(error) && !(explained instanceof ApiError && explained.status !== 500)) {
      onBug(error, ctx ? bugContextOf(ctx) : NO_REQUEST);
    }
  });

  const listening = await listenOn(config, app.callback());
  const faultFound = Promise.withResolvers<DomainError>();
  for (const { fleetChecks } of Object.values(databases)) {
    if (fleetChecks) {
      closers.push(checkFleet({ ...fleetChecks, onFault: faultFound.resolve }).close);
    }
  }
  return {
    ...listening,
    metricsPort: observer.port,
    faultFound: faultFound.promise,
    reportBug: (error) => onBug(error, NO_REQUEST),
    drain: ({ quietly = false } = {}) => {
      stopping = !quietly;
      listening.drain();
    },
  };
}
