import type Router from '@koa/router';

import { readOnly } from '../../../http/fields/field.ts';
import { text } from '../../../http/fields/text.ts';
import { operation } from '../../../http/openapi/description.ts';
import { resource } from '../../../http/resource.ts';
import type { Context, Handler, State } from '../../../http/state.ts';
import { accountRequestOf } from '../account-request.ts';
import { loginFields, readLogin, readTokenField } from '../bodies.ts';
import type { AccountDependencies, MiddlewareStack } from '../dependencies.ts';
import { impersonate } from '../impersonation/impersonate.ts';
import type { AccountSettings } from '../settings.ts';
import { clearCookies } from './cookies.ts';
import { JWT_DESCRIPTIONS } from './jwt-descriptions.ts';
import { logIn } from './log-in.ts';
import { logOut } from './log-out.ts';
import type { TokenPair } from './open-session.ts';
import { refresh } from './refresh.ts';
import { assertNoForm, refreshTokenOf, sendTokens, settingsOfRequest } from './token-transport.ts';
import { verify } from './verify.ts';

const path = (action: string): string => `/api/auth/jwt/${action}`;

/** Creates the handler of a login, which sends the tokens of the session that `open` opens. */
const login =
  (
    { secrets, settingsOf }: AccountDependencies,
    open: (ctx: Context, settings: AccountSettings) => Promise<TokenPair>,
  ): Handler =>
  async (ctx) => {
    const settings = settingsOfRequest(ctx, await settingsOf(ctx.state.tenant));
    assertNoForm(ctx, settings);
    sendTokens(ctx, secrets, settings, await open(ctx, settings), { isLogin: true });
  };

const refreshHandler =
  (dependencies: AccountDependencies): Handler =>
  async (ctx) => {
    const { secrets, settingsOf } = dependencies;
    const settings = settingsOfRequest(ctx, await settingsOf(ctx.state.tenant));
    assertNoForm(ctx, settings);
    const { token, isCookie } = refreshTokenOf(ctx, secrets, settings);
    // A browser replaces its cookie: the front end does not notice the rotation.
    const rotates = settings.ROTATE_REFRESH_TOKENS || isCookie;
    const next = await refresh(dependencies, accountRequestOf(ctx), settings, { token, rotates });
    sendTokens(ctx, secrets, settings, next, { isLogin: false });
  };

const logoutHandler =
  (dependencies: AccountDependencies, { everywhere }: { everywhere: boolean }): Handler =>
  async (ctx) => {
    const { secrets, settingsOf } = dependencies;
    const settings = settingsOfRequest(ctx, await settingsOf(ctx.state.tenant));
    const { token } = refreshTokenOf(ctx, secrets, settings);
    await logOut(dependencies, accountRequestOf(ctx), settings, token, { everywhere });
    if (settings.AUTH_COOKIES) {
      clearCookies(ctx);
    }
    ctx.body = {};
  };

/**
 * Creates SimpleJWT's paths `/jwt/…`, and logout. None reads the Authorization header: the token
 * is in the body, or in the cookie that browsers send if AUTH_COOKIES is on.
 */
export function jwtRoutes(
  router: Router<State>,
  dependencies: AccountDependencies,
  { open }: Pick<MiddlewareStack, 'open'>,
): void {
  const { settingsOf } = dependencies;

  resource(
    router,
    path('create'),
    open,
    {
      POST: operation(
        JWT_DESCRIPTIONS.create,
        login(dependencies, (ctx, settings) =>
          logIn(dependencies, accountRequestOf(ctx), settings, readLogin(ctx, settings)),
        ),
      ),
    },
    {
      name: 'Token Obtain Pair',
      description: JWT_DESCRIPTIONS.create.description,
      fields: async (ctx) => loginFields(await settingsOf(ctx.state.tenant)),
    },
  );
  resource(
    router,
    path('refresh'),
    open,
    { POST: operation(JWT_DESCRIPTIONS.refresh, refreshHandler(dependencies)) },
    {
      name: 'Token Refresh',
      description: JWT_DESCRIPTIONS.refresh.description,
      fields: { refresh: text(), access: readOnly(text()) },
    },
  );
  resource(
    router,
    path('verify'),
    open,
    {
      POST: operation(JWT_DESCRIPTIONS.verify, async (ctx) => {
        await verify(dependencies, ctx.state, await settingsOf(ctx.state.tenant), readTokenField(ctx));
        ctx.body = {};
      }),
    },
    {
      name: 'Token Verify',
      description: JWT_DESCRIPTIONS.verify.description,
      fields: { token: text() },
    },
  );

  resource(router, path('logout'), open, {
    POST: operation(JWT_DESCRIPTIONS.logout, logoutHandler(dependencies, { everywhere: false })),
  });
  resource(router, path('logout_all'), open, {
    POST: operation(JWT_DESCRIPTIONS.logoutAll, logoutHandler(dependencies, { everywhere: true })),
  });
  resource(router, path('impersonate'), open, {
    POST: operation(
      JWT_DESCRIPTIONS.impersonate,
      login(dependencies, (ctx, settings) =>
        impersonate(dependencies, accountRequestOf(ctx), settings, readTokenField(ctx)),
      ),
    ),
  });
}
