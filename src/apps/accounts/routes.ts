import Router from '@koa/router';

import type { State } from '../../http/state.ts';
import type { Directory } from '../../tenancy/context/directory.ts';
import type { AccountTools, MiddlewareStack } from './dependencies.ts';
import { operatorRoutes } from './impersonation/operator-routes.ts';
import { passwordRoutes } from './passwords/password-routes.ts';
import { jwtRoutes } from './sessions/jwt-routes.ts';
import { sessionsRoutes } from './sessions/sessions-routes.ts';
import { tokenRoutes } from './sessions/token-routes.ts';
import { userRoutes } from './users/user-routes.ts';
import { usersRoutes } from './users/users-routes.ts';

/** What Djoser and SimpleJWT answer, and more, on every host that has users. The first path that fits is taken. */
export function accountsRoutes(tools: AccountTools, chains: MiddlewareStack): Router<State> {
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
  chains: MiddlewareStack,
  directory: Pick<Directory, 'find'>,
): Router<State> {
  const router = new Router<State>();
  operatorRoutes(router, tools, chains, directory);
  return router;
}
