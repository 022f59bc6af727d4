import Router from '@koa/router';

import type { State } from '../../http/state.ts';
import type { Directory } from '../../tenancy/directory.ts';
import { jwtRoutes } from './jwt-routes.ts';
import { operatorRoutes } from './operator-routes.ts';
import { passwordRoutes } from './password-routes.ts';
import { sessionsRoutes } from './sessions-routes.ts';
import { tokenRoutes } from './token-routes.ts';
import type { AccountTools, Chains } from './tools.ts';
import { userRoutes } from './user-routes.ts';
import { usersRoutes } from './users-routes.ts';

/** What Djoser and SimpleJWT answer, and more, on every host that has users. The first path that fits is taken. */
export function accountsRoutes(tools: AccountTools, chains: Chains): Router<State> {
  const router = new Router<State>();
  jwtRoutes(router, tools, chains);
  tokenRoutes(router, tools, chains);
  sessionsRoutes(router, chains);
  usersRoutes(router, tools, chains);
  passwordRoutes(router, tools, chains);
  userRoutes(router, tools, chains);
  return router;
}

/** What operators may do with their accounts beside, on the public host. */
export function operatorsRoutes(
  tools: AccountTools,
  chains: Chains,
  directory: Pick<Directory, 'find'>,
): Router<State> {
  const router = new Router<State>();
  operatorRoutes(router, tools, chains, directory);
  return router;
}
