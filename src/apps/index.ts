import type Router from '@koa/router';

import type { AppMiddleware, State } from '../http/state.ts';
import type { AppSecrets } from '../tenancy/signing-key.ts';
import type { Gate } from '../tenancy/with-tenant.ts';
import { accountsRoutes } from './accounts/routes.ts';
import type { Lifetimes } from './accounts/tokens.ts';
import { projectsRoutes } from './projects/routes.ts';
import { siteRoutes } from './site/routes.ts';

/** What app.ts hands to every app: two chains of middleware, and what some need beside. */
export type AppTools = Readonly<{
  /** No user, no transaction. Stays open to a tenant that has to pay. */
  open: readonly AppMiddleware[];
  /** A user, and the tenant's transaction. */
  authenticated: readonly AppMiddleware[];
  /** The same, for what stays open to a tenant that has to pay. */
  authenticatedWhileUnpaid: readonly AppMiddleware[];
  gate: Gate;
  secrets: AppSecrets;
  lifetimes: Lifetimes;
}>;

const accounts = (tools: AppTools): Router<State> =>
  accountsRoutes({ ...tools, authenticated: tools.authenticatedWhileUnpaid });

/** A new app is one line here: on tenants' hosts, on the public host, or on both. */
export const tenantApps = (tools: AppTools): ReadonlyArray<Router<State>> => [
  accounts(tools),
  projectsRoutes(tools),
];
export const siteApps = (tools: AppTools): ReadonlyArray<Router<State>> => [siteRoutes(), accounts(tools)];
