import type Router from '@koa/router';

import type { RouteDependencies } from '../../definition/define-app.ts';
import { createRouter } from '../../http/resource.ts';
import type { State } from '../../http/state.ts';
import type { AccountDependencies } from './dependencies.ts';
import { operatorRoutes } from './impersonation/operator-routes.ts';
import { passwordRoutes } from './passwords/password-routes.ts';
import { jwtRoutes } from './sessions/jwt-routes.ts';
import { sessionsRoutes } from './sessions/sessions-routes.ts';
import { tokenRoutes } from './sessions/token-routes.ts';
import type { environment, settings } from './settings.ts';
import type { AccountService } from './start.ts';
import { userRoutes } from './users/user-routes.ts';
import { usersRoutes } from './users/users-routes.ts';

type Dependencies = RouteDependencies<typeof settings, typeof environment, AccountService>;

const toolsOf = ({
  tenantDatabase,
  secrets,
  settingsOf,
  throttle,
  directory,
  environment: { BASE_DOMAIN },
  service,
}: Dependencies): AccountDependencies => ({
  tenantDatabase,
  secrets,
  settingsOf,
  throttle,
  findSite: () => directory.find(BASE_DOMAIN),
  passwords: service.passwords,
  wakeMail: service.wakeMail,
});

/**
 * Creates the endpoints of Djoser and SimpleJWT, and further ones, for every host with users. The
 * first matching path is used.
 */
export function routes(dependencies: Dependencies): Router<State> {
  const router = createRouter();
  const tools = toolsOf(dependencies);
  const { always } = dependencies.stacks;
  jwtRoutes(router, tools, always);
  tokenRoutes(router, tools, always);
  sessionsRoutes(router, always);
  usersRoutes(router, tools, always);
  passwordRoutes(router, tools, always);
  userRoutes(router, tools, always);
  return router;
}

/** Creates the additional endpoints for operators, on the public site. */
export function siteRoutes(dependencies: Dependencies): Router<State> {
  const router = createRouter();
  operatorRoutes(router, toolsOf(dependencies), dependencies.stacks.always, dependencies.directory);
  return router;
}
