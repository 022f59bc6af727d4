import type Router from '@koa/router';

import { ApiError } from '../../../errors.ts';
import { readOnly } from '../../../http/fields/field.ts';
import { text } from '../../../http/fields/text.ts';
import { resource } from '../../../http/resource.ts';
import type { Context, State } from '../../../http/state.ts';
import { accountRequestOf } from '../account-request.ts';
import { loginFields, readLogin, readRefresh, readTokenField } from '../bodies.ts';
import type { AccountDependencies, MiddlewareStack } from '../dependencies.ts';
import { impersonate } from '../impersonation/impersonate.ts';
import type { AccountSettings } from '../settings.ts';
import { assertCsrf, clearCookies, readRefreshCookie, setCookies } from './cookies.ts';
import { logIn } from './log-in.ts';
import { logOut } from './log-out.ts';
import { refresh } from './refresh.ts';
import { invalidToken, readTokenOf } from './tokens.ts';
import { verify } from './verify.ts';

/**
 * Creates SimpleJWT's paths `/jwt/…`, and logout. None reads the Authorization header: the token
 * is in the body, or in the cookie that browsers send if AUTH_COOKIES is on.
 */
export function jwtRoutes(
  router: Router<State>,
  dependencies: AccountDependencies,
  { open }: Pick<MiddlewareStack, 'open'>,
): void {
  const { secrets, settingsOf } = dependencies;
  const path = (action: string): string => `/api/auth/jwt/${action}`;

  /** Sends the pair in the body or, for browsers, the refresh token in a cookie. */
  const sendTokens = (
    ctx: Context,
    settings: AccountSettings,
    { access, refresh, family }: { access: string; refresh: string | null; family: string },
    { isLogin }: { isLogin: boolean },
  ): void => {
    ctx.set('Cache-Control', 'no-store');
    if (settings.AUTH_COOKIES) {
      if (refresh !== null) {
        setCookies(ctx, secrets, settings, { refresh, family });
      }
      ctx.body = { access };
    } else {
      // SimpleJWT's orders.
      ctx.body = refresh === null ? { access } : isLogin ? { refresh, access } : { access, refresh };
    }
  };

  /** Returns the refresh token of the body or of the cookie. The cookie requires the CSRF header. */
  const refreshTokenOf = (
    ctx: Context,
    settings: AccountSettings,
  ): Readonly<{ token: string; isCookie: boolean }> => {
    const given = readRefresh(ctx, { optional: settings.AUTH_COOKIES });
    if (given !== null) {
      return { token: given, isCookie: false };
    }
    const token = readRefreshCookie(ctx);
    if (!token) {
      throw invalidToken('Token is invalid');
    }
    const { fam } = readTokenOf('refresh', secrets, ctx.state.tenant, token, settings.LEEWAY);
    assertCsrf(ctx, secrets, fam);
    return { token, isCookie: true };
  };

  /**
   * Rejects form bodies where the response sets cookies. Any page can send a form to this host, and would log its
   * visitor in as another user.
   *
   * @throws ApiError `unsupported_media_type`
   */
  const assertNoForm = (ctx: Context, { AUTH_COOKIES }: AccountSettings): void => {
    if (AUTH_COOKIES && ctx.is('urlencoded', 'multipart')) {
      throw new ApiError(
        'unsupported_media_type',
        'With cookies for browsers, only application/json is accepted here.',
      );
    }
  };

  resource(
    router,
    path('create'),
    open,
    {
      POST: async (ctx) => {
        const settings = await settingsOf(ctx.state.tenant);
        assertNoForm(ctx, settings);
        sendTokens(
          ctx,
          settings,
          await logIn(dependencies, accountRequestOf(ctx), settings, readLogin(ctx, settings)),
          { isLogin: true },
        );
      },
    },
    {
      name: 'Token Obtain Pair',
      description: 'Returns an access and a refresh token for a login name and a password.',
      fields: async (ctx) => loginFields(await settingsOf(ctx.state.tenant)),
    },
  );

  resource(
    router,
    path('refresh'),
    open,
    {
      POST: async (ctx) => {
        const settings = await settingsOf(ctx.state.tenant);
        assertNoForm(ctx, settings);
        const { token, isCookie } = refreshTokenOf(ctx, settings);
        // A browser replaces its cookie: the front end does not notice the rotation.
        const rotates = settings.ROTATE_REFRESH_TOKENS || isCookie;
        const next = await refresh(dependencies, accountRequestOf(ctx), settings, { token, rotates });
        sendTokens(ctx, settings, next, { isLogin: false });
      },
    },
    {
      name: 'Token Refresh',
      description: 'Returns an access token for a refresh token.',
      fields: { refresh: text(), access: readOnly(text()) },
    },
  );

  resource(
    router,
    path('verify'),
    open,
    {
      POST: async (ctx) => {
        const settings = await settingsOf(ctx.state.tenant);
        await verify(dependencies, ctx.state, settings, readTokenField(ctx));
        ctx.body = {};
      },
    },
    {
      name: 'Token Verify',
      description: 'Checks a token of either type.',
      fields: { token: text() },
    },
  );

  for (const everywhere of [false, true]) {
    resource(router, path(everywhere ? 'logout_all' : 'logout'), open, {
      POST: async (ctx) => {
        const settings = await settingsOf(ctx.state.tenant);
        const { token } = refreshTokenOf(ctx, settings);
        await logOut(dependencies, accountRequestOf(ctx), settings, token, { everywhere });
        if (settings.AUTH_COOKIES) {
          clearCookies(ctx);
        }
        ctx.body = {};
      },
    });
  }

  resource(router, path('impersonate'), open, {
    POST: async (ctx) => {
      const settings = await settingsOf(ctx.state.tenant);
      assertNoForm(ctx, settings);
      sendTokens(
        ctx,
        settings,
        await impersonate(dependencies, accountRequestOf(ctx), settings, readTokenField(ctx)),
        { isLogin: true },
      );
    },
  });
}
