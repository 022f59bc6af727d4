import type Router from '@koa/router';

import type { State } from '../http/state.ts';
import type { Directory } from '../tenancy/context/directory.ts';
import type { AccountTools, MiddlewareStack } from './accounts/dependencies.ts';
import { accountsRoutes, operatorsRoutes } from './accounts/routes.ts';
import { projectsRoutes } from './projects/routes.ts';
import { siteRoutes } from './site/routes.ts';

/** What app.ts hands to every app: chains of middleware, and what some need beside. */
export type AppTools = Readonly<{
  /** Closed to a tenant that has to pay. */
  paid: Pick<MiddlewareStack, 'authenticated'>;
  /** What stays open to it: log in, and a user's own account. */
  always: MiddlewareStack;
  accounts: AccountTools;
  directory: Pick<Directory, 'find'>;
}>;

/** A new app is one line here: on tenants' hosts, on the public host, or on both. */
export const tenantApps = ({ accounts, always, paid }: AppTools): ReadonlyArray<Router<State>> => [
  accountsRoutes(accounts, always),
  projectsRoutes(paid),
];
export const siteApps = ({ accounts, always, directory }: AppTools): ReadonlyArray<Router<State>> => [
  siteRoutes(),
  accountsRoutes(accounts, always),
  operatorsRoutes(accounts, always, directory),
];
