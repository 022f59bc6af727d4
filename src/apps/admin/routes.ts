import type Router from '@koa/router';

import type { RouteDependencies } from '../../definition/dependencies.ts';
import { createRouter } from '../../http/resource.ts';
import type { State } from '../../http/state.ts';
import { auditRoute } from './host/audit-route.ts';
import { consoleRoute } from './host/console-route.ts';
import { domainsRoute } from './host/domains-route.ts';
import { settingsRoute } from './host/settings-route.ts';
import { modelRoutes } from './models/model-routes.ts';
import type { AdminService } from './start.ts';

type Dependencies = RouteDependencies<Record<never, never>, Record<never, never>, AdminService>;

/** Creates the routes of the console on a tenant's host. */
export function routes(dependencies: Dependencies): Router<State> {
  const router = createRouter();
  consoleRoute(router, dependencies);
  domainsRoute(router, dependencies);
  settingsRoute(router, dependencies);
  auditRoute(router, dependencies);
  modelRoutes(router, dependencies);
  return router;
}

/** Creates the route with which the console identifies the public site. */
export function siteRoutes(dependencies: Dependencies): Router<State> {
  const router = createRouter();
  consoleRoute(router, dependencies);
  return router;
}
