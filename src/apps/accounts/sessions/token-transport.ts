import { ApiError } from '../../../errors.ts';
import type { Context } from '../../../http/state.ts';
import type { AppSecrets } from '../../../tenancy/registry/signing-key.ts';
import { readRefresh } from '../bodies.ts';
import type { AccountSettings } from '../settings.ts';
import { assertCsrf, readRefreshCookie, setCookies } from './cookies.ts';
import { invalidToken, readTokenOf } from './tokens.ts';

/** With the value `cookie`, a request has cookies as with AUTH_COOKIES, which applies to all requests. */
export const TRANSPORT_HEADER = 'X-Token-Transport';

/**
 * Returns the settings for a request of sessions. A front end of this host, such as the console, can use cookies while
 * other clients of the tenant have refresh tokens in the body. Pages of other origins cannot: forms send no such
 * header, and CORS allows it to no origin.
 */
export const settingsOfRequest = (ctx: Context, settings: AccountSettings): AccountSettings =>
  ctx.get(TRANSPORT_HEADER) === 'cookie' ? { ...settings, AUTH_COOKIES: true } : settings;

/** Sends the pair in the body or, for browsers, the refresh token in a cookie. */
export function sendTokens(
  ctx: Context,
  secrets: AppSecrets,
  settings: AccountSettings,
  { access, refresh, family }: { access: string; refresh: string | null; family: string },
  { isLogin }: { isLogin: boolean },
): void {
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
}

/** Returns the refresh token of the body or of the cookie. The cookie requires the CSRF header. */
export function refreshTokenOf(
  ctx: Context,
  secrets: AppSecrets,
  settings: AccountSettings,
): Readonly<{ token: string; isCookie: boolean }> {
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
}

/**
 * Rejects form bodies where the response sets cookies. Any page can send a form to this host, and would log its
 * visitor in as another user.
 *
 * @throws ApiError `unsupported_media_type`
 */
export function assertNoForm(ctx: Context, { AUTH_COOKIES }: AccountSettings): void {
  if (AUTH_COOKIES && ctx.is('urlencoded', 'multipart')) {
    throw new ApiError(
      'unsupported_media_type',
      'With cookies for browsers, only application/json is accepted here.',
    );
  }
}
