import type Router from '@koa/router';

import { ApiError } from '../../../errors.ts';
import { readOnly } from '../../../http/fields/field.ts';
import { text } from '../../../http/fields/text.ts';
import {
  MEDIA_TYPES,
  type OperationDescription,
  operation,
  type Security,
} from '../../../http/openapi/description.ts';
import { resource } from '../../../http/resource.ts';
import type { Context, State } from '../../../http/state.ts';
import { accountRequestOf } from '../account-request.ts';
import {
  loginBody,
  loginFields,
  readLogin,
  readRefresh,
  readTokenField,
  refreshBody,
  tokenBody,
} from '../bodies.ts';
import type { AccountDependencies, MiddlewareStack } from '../dependencies.ts';
import { impersonate } from '../impersonation/impersonate.ts';
import { nothing, refreshedTokens, tokenPair } from '../responses.ts';
import type { AccountSettings } from '../settings.ts';
import { assertCsrf, clearCookies, readRefreshCookie, setCookies } from './cookies.ts';
import { logIn } from './log-in.ts';
import { logOut } from './log-out.ts';
import { refresh } from './refresh.ts';
import { invalidToken, readTokenOf } from './tokens.ts';
import { verify } from './verify.ts';

/** With cookies, the refresh token is sent in one, together with the CSRF token in a header. */
const cookieSecurity = ({ AUTH_COOKIES: isCookie }: AccountSettings): Security =>
  isCookie ? [{}, { refreshCookie: [], csrfToken: [] }] : [];

/** Forms are rejected where the response sets cookies. */
const mediaTypes = ({ AUTH_COOKIES: isCookie }: AccountSettings): readonly string[] =>
  isCookie ? ['application/json'] : MEDIA_TYPES;

const DESCRIPTIONS = {
  create: {
    id: 'auth_jwt_create',
    summary: 'Log in',
    description: 'Returns an access and a refresh token for a login name and a password.',
    body: loginBody,
    mediaTypes,
    response: tokenPair,
    errors: ['no_active_account'],
  },
  refresh: {
    id: 'auth_jwt_refresh',
    summary: 'Refresh a token',
    description: 'Returns an access token for a refresh token.',
    body: refreshBody,
    mediaTypes,
    response: refreshedTokens,
    security: cookieSecurity,
    errors: ['token_not_valid', 'permission_denied'],
  },
  verify: {
    id: 'auth_jwt_verify',
    summary: 'Check a token',
    description: 'Checks a token of either type.',
    body: tokenBody,
    response: nothing,
    errors: ['token_not_valid'],
  },
  logout: {
    id: 'auth_jwt_logout',
    summary: 'Log out',
    description: 'Ends the session of a refresh token, with its access tokens.',
    body: refreshBody,
    response: nothing,
    security: cookieSecurity,
    errors: ['token_not_valid', 'permission_denied'],
  },
  logoutAll: {
    id: 'auth_jwt_logout_all',
    summary: 'Log out everywhere',
    description: 'Ends all sessions and keys of the user of a refresh token.',
    body: refreshBody,
    response: nothing,
    security: cookieSecurity,
    errors: ['token_not_valid', 'permission_denied'],
  },
  impersonate: {
    id: 'auth_jwt_impersonate',
    summary: 'Act for a user',
    description: 'Opens a session of a user for an operator, with a token of the public site.',
    body: tokenBody,
    mediaTypes,
    response: tokenPair,
    errors: ['token_not_valid'],
  },
} as const satisfies Readonly<Record<string, OperationDescription<AccountSettings>>>;

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
    const given = readRefresh(ctx, settings);
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
      POST: operation(DESCRIPTIONS.create, async (ctx) => {
        const settings = await settingsOf(ctx.state.tenant);
        assertNoForm(ctx, settings);
        sendTokens(
          ctx,
          settings,
          await logIn(dependencies, accountRequestOf(ctx), settings, readLogin(ctx, settings)),
          { isLogin: true },
        );
      }),
    },
    {
      name: 'Token Obtain Pair',
      description: DESCRIPTIONS.create.description,
      fields: async (ctx) => loginFields(await settingsOf(ctx.state.tenant)),
    },
  );

  resource(
    router,
    path('refresh'),
    open,
    {
      POST: operation(DESCRIPTIONS.refresh, async (ctx) => {
        const settings = await settingsOf(ctx.state.tenant);
        assertNoForm(ctx, settings);
        const { token, isCookie } = refreshTokenOf(ctx, settings);
        // A browser replaces its cookie: the front end does not notice the rotation.
        const rotates = settings.ROTATE_REFRESH_TOKENS || isCookie;
        const next = await refresh(dependencies, accountRequestOf(ctx), settings, { token, rotates });
        sendTokens(ctx, settings, next, { isLogin: false });
      }),
    },
    {
      name: 'Token Refresh',
      description: DESCRIPTIONS.refresh.description,
      fields: { refresh: text(), access: readOnly(text()) },
    },
  );

  resource(
    router,
    path('verify'),
    open,
    {
      POST: operation(DESCRIPTIONS.verify, async (ctx) => {
        const settings = await settingsOf(ctx.state.tenant);
        await verify(dependencies, ctx.state, settings, readTokenField(ctx));
        ctx.body = {};
      }),
    },
    {
      name: 'Token Verify',
      description: DESCRIPTIONS.verify.description,
      fields: { token: text() },
    },
  );

  for (const everywhere of [false, true]) {
    resource(router, path(everywhere ? 'logout_all' : 'logout'), open, {
      POST: operation(everywhere ? DESCRIPTIONS.logoutAll : DESCRIPTIONS.logout, async (ctx) => {
        const settings = await settingsOf(ctx.state.tenant);
        const { token } = refreshTokenOf(ctx, settings);
        await logOut(dependencies, accountRequestOf(ctx), settings, token, { everywhere });
        if (settings.AUTH_COOKIES) {
          clearCookies(ctx);
        }
        ctx.body = {};
      }),
    });
  }

  resource(router, path('impersonate'), open, {
    POST: operation(DESCRIPTIONS.impersonate, async (ctx) => {
      const settings = await settingsOf(ctx.state.tenant);
      assertNoForm(ctx, settings);
      sendTokens(
        ctx,
        settings,
        await impersonate(dependencies, accountRequestOf(ctx), settings, readTokenField(ctx)),
        { isLogin: true },
      );
    }),
  });
}
