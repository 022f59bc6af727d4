import type Router from '@koa/router';

import type { RouteDependencies } from '../../definition/dependencies.ts';
import { createRouter } from '../../http/resource.ts';
import type { State } from '../../http/state.ts';
import type { AccountDependencies } from './dependencies.ts';
import { operatorRoutes } from './impersonation/operator-routes.ts';
import { ownMembersRoutes } from './members/own-members-routes.ts';
import { accountPages } from './pages/account-pages.ts';
import { passwordRoutes } from './passwords/password-routes.ts';
import { permissionsRoutes } from './permissions/permissions-routes.ts';
import { jwtRoutes } from './sessions/jwt-routes.ts';
import { sessionsRoutes } from './sessions/sessions-routes.ts';
import { tokenRoutes } from './sessions/token-routes.ts';
import type { environment, settings } from './settings.ts';
import type { AccountService } from './start.ts';
import { loginNameRoutes } from './users/login-name-routes.ts';
import { userRoutes } from './users/user-routes.ts';
import { usersRoutes } from './users/users-routes.ts';

type Dependencies = RouteDependencies<typeof settings, typeof environment, AccountService>;

const accountDependenciesOf = ({
  tenantDatabase,
  secrets,
  settingsOf,
  throttle,
  permissions,
  menu,
  directory,
  environment: { BASE_DOMAIN },
  service,
}: Dependencies): AccountDependencies => ({
  tenantDatabase,
  secrets,
  settingsOf,
  throttle,
  permissions,
  menu,
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
  const accounts = accountDependenciesOf(dependencies);
  const { always } = dependencies.stacks;
  jwtRoutes(router, accounts, always);
  tokenRoutes(router, accounts, always);
  sessionsRoutes(router, always);
  usersRoutes(router, accounts, always);
  passwordRoutes(router, accounts, always);
  loginNameRoutes(router, accounts, always);
  permissionsRoutes(router, accounts, always);
  ownMembersRoutes(router, always);
  userRoutes(router, accounts, always);
  accountPages(router, accounts, always);
  return router;
}

/** Creates the additional endpoints for operators, on the public site. */
export function siteRoutes(dependencies: Dependencies): Router<State> {
  const router = createRouter();
  operatorRoutes(router, accountDependenciesOf(dependencies), dependencies.stacks.always, dependencies);
  return router;
}
