import type Router from '@koa/router';

import { createRouter } from '../../http/resource.ts';
import type { State } from '../../http/state.ts';
import { auditRoutes } from './fleet/audit-routes.ts';
import { fleetRoutes } from './fleet/fleet-routes.ts';
import { mailRoutes } from './fleet/mail-routes.ts';
import { dumpsRoutes } from './operations/dumps-routes.ts';
import { kindsRoutes } from './operations/kinds-routes.ts';
import { operationsRoutes } from './operations/operations-routes.ts';
import { type OperatorDependencies, staffOnly } from './operator-stacks.ts';
import { membersRoutes } from './tenants/members-routes.ts';
import { tenantsRoutes } from './tenants/tenants-routes.ts';

/** Creates the operator API. Only the public host serves it. */
export function routes(dependencies: OperatorDependencies): Router<State> {
  const router = createRouter();
  const staff = staffOnly(dependencies);
  tenantsRoutes(router, dependencies, staff);
  membersRoutes(router, dependencies, staff);
  kindsRoutes(router, dependencies, staff);
  dumpsRoutes(router, dependencies, staff);
  operationsRoutes(router, dependencies, staff);
  fleetRoutes(router, dependencies, staff);
  mailRoutes(router, dependencies, staff);
  auditRoutes(router, dependencies, staff);
  return router;
}
