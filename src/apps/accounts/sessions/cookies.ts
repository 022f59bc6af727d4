import { createHmac, timingSafeEqual } from 'node:crypto';

import { ApiError } from '../../../errors.ts';
import type { Context } from '../../../http/state.ts';
import { type AppSecrets, tenantKeys } from '../../../tenancy/registry/signing-key.ts';
import type { AccountSettings } from '../settings.ts';

// Browsers accept a cookie whose name begins with __Host- from this host only, and only over HTTPS. So a page on another
// subdomain cannot set it, nor add a second one, which scripts could read instead of the first.
const nameOf = ({ secure }: Pick<Context, 'secure'>, name: 'refresh' | 'csrftoken'): string =>
  secure ? `__Host-${name}` : name;
const CSRF_HEADER = 'X-CSRFToken';

// Derived from the session, so that a token of another session, or one that another subdomain set, is invalid.
const csrfTokens = (secrets: AppSecrets, tenant: Context['state']['tenant'], family: string): string[] =>
  tenantKeys(secrets, tenant, 'csrf').map((key) =>
    createHmac('sha256', key).update(family).digest('base64url'),
  );

/**
 * Sets the refresh token as a cookie that scripts cannot read, and the CSRF token as one that the
 * front end can read. A front end of another origin cannot read cookies of this host, and reads the header.
 */
export function setCookies(
  ctx: Context,
  secrets: AppSecrets,
  { REFRESH_TOKEN_LIFETIME: lifetime }: AccountSettings,
  { refresh, family }: { refresh: string; family: string },
): void {
  const options = {
    sameSite: 'lax',
    secure: ctx.secure,
    path: '/',
    maxAge: lifetime * 1000,
    overwrite: true,
  } as const;
  ctx.cookies.set(nameOf(ctx, 'refresh'), refresh, { ...options, httpOnly: true });
  const [csrf = ''] = csrfTokens(secrets, ctx.state.tenant, family);
  ctx.cookies.set(nameOf(ctx, 'csrftoken'), csrf, { ...options, httpOnly: false });
  ctx.set(CSRF_HEADER, csrf);
}

export function clearCookies(ctx: Context): void {
  for (const name of ['refresh', 'csrftoken'] as const) {
    ctx.cookies.set(nameOf(ctx, name), null, { path: '/', secure: ctx.secure, overwrite: true });
  }
}

export const readRefreshCookie = (ctx: Context): string | undefined =>
  ctx.cookies.get(nameOf(ctx, 'refresh'));

/**
 * Checks the CSRF header. Browsers send a cookie from any page, but not this header.
 *
 * @throws ApiError `permission_denied`
 */
export function assertCsrf(ctx: Context, secrets: AppSecrets, family: string): void {
  const given = Buffer.from(ctx.get(CSRF_HEADER));
  const isRight = csrfTokens(secrets, ctx.state.tenant, family).some((token) => {
    const right = Buffer.from(token);
    return right.length === given.length && timingSafeEqual(right, given);
  });
  if (!isRight) {
    throw new ApiError('permission_denied', 'CSRF Failed: CSRF token missing or incorrect.');
  }
}
