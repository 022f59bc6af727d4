import type { Config } from '../config/config.ts';
import type { Project } from '../definition/define-project.ts';
import { createThrottle } from '../http/rate-limit/throttle.ts';
import { openThrottleStore, type ThrottleStore } from '../http/rate-limit/throttle-store.ts';
import type { StartTrace } from '../http/request-trace.ts';
import type { ServiceLog } from '../observability/logger.ts';
import type { Observer } from '../observability/observer.ts';
import { openObserver } from '../observability/open-observer.ts';
import { openOptionalTracing } from '../observability/open-optional-tracing.ts';
import { createRequestCounter, type RequestCounter } from '../observability/recent-requests.ts';
import { shareRequests } from '../observability/share-requests.ts';
import { createWatchDueWork } from '../tenancy/context/due-work.ts';
import { listTenantMigrations, requiredMigrations } from '../tenancy/migrations/migration-files.ts';
import { chooseDatabase, MAIN } from '../tenancy/registry/databases.ts';
import type { RequiredMigrations } from '../tenancy/registry/project.ts';
import { type OpenApps, openApps } from './open-apps.ts';
import { openTenancy, type Tenancy } from './open-tenancy.ts';

/** What requests use: the databases, the apps, counters, metrics and traces. */
type Resources = Readonly<{
  observer: Observer;
  requestCounter: RequestCounter;
  startTrace: StartTrace | null;
  tenancy: Tenancy;
  throttleStore: ThrottleStore;
  apps: OpenApps;
  /** The migrations that this code requires. */
  expected: RequiredMigrations;
  /** The kinds of due work of all apps. */
  dueWork: readonly string[];
}>;

/** Opens the resources of the service. Every one pushes its `close` onto `closers`. */
export async function openResources(
  project: Project,
  config: Config,
  log: ServiceLog,
  closers: Array<() => Promise<unknown>>,
): Promise<Resources> {
  const dueWork = project.apps.flatMap((app) => app.dueWork);
  const observer = await openObserver(config, { dueWork });
  closers.push(observer.close);
  const tracing = await openOptionalTracing(config);
  closers.push(tracing.close);
  const tenancy = await openTenancy(config, { project, observer, warn: log.warn, closers });
  const throttleStore = await openThrottleStore(config.THROTTLE_STORE ?? null, {
    timeout: config.THROTTLE_STORE_TIMEOUT,
    onError: ({ message: reason }) =>
      log.warn('THROTTLE_STORE does not respond; attempts are counted in memory', { reason }),
  });
  closers.push(throttleStore.close);
  const expected = requiredMigrations(await listTenantMigrations(project));
  const requestCounter = createRequestCounter();
  const sharedRequests = shareRequests(requestCounter);
  closers.push(sharedRequests.close);
  const apps = await openApps(project, config, {
    tenantDatabase: tenancy.tenantDatabase,
    secrets: { current: config.APP_SECRET, previous: config.APP_SECRET_PREVIOUS ?? null },
    directory: tenancy.directory,
    throttle: createThrottle(throttleStore),
    recentRequests: sharedRequests.summary,
    watchDueWork: createWatchDueWork(tenancy),
    operators: {
      pool: chooseDatabase(tenancy.lookUps, MAIN),
      key: config.TENANCY_KEYS[0],
      expected,
    },
    log,
    onWorkFailed: observer.workFailed,
    closers,
  });
  return {
    observer,
    requestCounter,
    startTrace: tracing.start,
    tenancy,
    throttleStore,
    apps,
    expected,
    dueWork,
  };
}
