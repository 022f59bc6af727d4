import { ApiError } from '../../errors.ts';
import { requestHost } from '../host.ts';
import type { AppMiddleware } from '../state.ts';

export type HttpsSettings = Readonly<{
  /** Whether plain HTTP is redirected to HTTPS. */
  redirect: boolean;
  /** Value of `max-age` in Strict-Transport-Security, in seconds. 0 sends no such header. */
  hstsSeconds: number;
  hstsIncludeSubdomains: boolean;
  hstsPreload: boolean;
}>;

/**
 * Redirects reads over plain HTTP to HTTPS (308), and rejects requests with credentials or a body:
 * with a redirect the client would continue to send them unencrypted. Comes after `findTenant`: no
 * response redirects to a host without a tenant.
 *
 * A trusted proxy reports whether a request came over HTTPS.
 *
 * @throws ApiError `https_required`
 */
export function requireHttps(): AppMiddleware {
  return async function requireHttps(ctx, next) {
    if (ctx.secure) {
      await next();
      return;
    }
    const isSafe = ctx.method === 'GET' || ctx.method === 'HEAD';
    if (!isSafe || ctx.get('Authorization') !== '' || ctx.get('Cookie') !== '') {
      throw new ApiError(
        'https_required',
        'This service requires HTTPS. Credentials in this request were sent unencrypted.',
      );
    }
    ctx.redirect(`https://${requestHost(ctx)}${ctx.path}${ctx.search}`);
    ctx.status = 308;
    ctx.body = { detail: 'This service requires HTTPS.' };
  };
}

/** Sets Strict-Transport-Security on responses over HTTPS, including those of unknown hosts. */
export function strictTransportSecurity(settings: HttpsSettings): AppMiddleware {
  const { hstsSeconds, hstsIncludeSubdomains, hstsPreload } = settings;
  const policy = [
    `max-age=${hstsSeconds}`,
    ...(hstsIncludeSubdomains ? ['includeSubDomains'] : []),
    ...(hstsPreload ? ['preload'] : []),
  ].join('; ');
  return function strictTransportSecurity(ctx, next) {
    if (hstsSeconds > 0 && ctx.secure) {
      ctx.set('Strict-Transport-Security', policy);
    }
    return next();
  };
}
