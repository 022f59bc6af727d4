import type Router from '@koa/router';

import { operation } from '../../../http/openapi/description.ts';
import { resource } from '../../../http/resource.ts';
import type { AppMiddleware, State } from '../../../http/state.ts';
import type { RecentRequests } from '../../../observability/recent-requests.ts';
import { SITE_SCHEMA } from '../../../tenancy/registry/tenant.ts';
import { type OperatorDependencies, operatorOf } from '../operator-stacks.ts';
import { presentTimes } from '../present-times.ts';
import { showFailure } from '../show-failure.ts';
import { fleet } from './fleet-schemas.ts';

/** Maximum number of slow tenants in the response. */
const MAX_SLOWEST = 10;
/** Milliseconds after which a worker that was not seen counts as stopped. A worker looks for operations every second. */
const WORKER_LOST_MS = 60_000;

const presentRequests = ({ processes, seconds, count, clientErrors, errors, ...times }: RecentRequests) => ({
  processes,
  seconds,
  count,
  client_errors: clientErrors,
  errors,
  p50_ms: times.p50Ms,
  p95_ms: times.p95Ms,
  p99_ms: times.p99Ms,
});

const presentSlowest = ({ tenants }: RecentRequests) =>
  tenants
    .filter(({ schema }) => schema !== SITE_SCHEMA)
    .toSorted((one, other) => other.meanMs - one.meanMs)
    .slice(0, MAX_SLOWEST)
    .map(({ schema, requests, errors, meanMs, databaseMs }) => ({
      schema,
      requests,
      errors,
      mean_ms: meanMs,
      database_ms: databaseMs,
    }));

/** Creates the route of the dashboard. */
export function fleetRoutes(
  router: Router<State>,
  { operators, owners, recentRequests }: OperatorDependencies,
  staff: readonly AppMiddleware[],
): void {
  resource(router, '/api/fleet', staff, {
    GET: operation(
      {
        id: 'fleet_retrieve',
        summary: 'Get the state of all tenants',
        description:
          'Requests, latency and slow tenants are those of the last 15 minutes, counted in the memory of the service.',
        response: fleet,
      },
      async (ctx) => {
        const overview = await operators.fleet();
        const requests = recentRequests();
        const seenAt = overview.worker.seen_at;
        const { due_work: dueWork, ...rest } = overview;
        const work = owners()?.members?.mailWork;
        const tenantsWith = (kind: string | undefined): number =>
          dueWork.find((each) => each.kind === kind)?.tenants ?? 0;
        ctx.body = {
          ...presentTimes(rest),
          failed_migrations: presentTimes(
            overview.failed_migrations.map((failure) => showFailure(failure, operatorOf(ctx))),
          ),
          mail: { waiting: tenantsWith(work?.waiting), failed: tenantsWith(work?.failed) },
          tenants: { by_status: overview.tenants },
          slowest: presentSlowest(requests),
          requests: presentRequests(requests),
          worker: {
            ...presentTimes(overview.worker),
            is_running: seenAt !== null && Date.now() - Date.parse(seenAt) < WORKER_LOST_MS,
          },
        };
      },
    ),
  });
}
