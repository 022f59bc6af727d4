import { DomainError } from '../../errors.ts';
import { requestHost } from '../host.ts';
import type { AppMiddleware } from '../state.ts';

export type HttpsSettings = Readonly<{
  /** Whether plain HTTP is sent on to HTTPS. */
  redirect: boolean;
  /** Seconds that browsers are to remember it; 0: they are not told. */
  hstsSeconds: number;
  hstsIncludeSubdomains: boolean;
  hstsPreload: boolean;
}>;

/**
 * Redirects reads by plain HTTP to HTTPS (308), and rejects requests with
 * credentials or a body: a redirect would let a client go on sending them in the
 * clear unnoticed. Comes after `findTenant`: no response redirects to a host that
 * no tenant has.
 *
 * A trusted proxy says whether a request came by HTTPS.
 *
 * @throws DomainError `https_required`
 */
export function requireHttps(): AppMiddleware {
  return async function requireHttps(ctx, next) {
    if (ctx.secure) {
      await next();
      return;
    }
    const isSafe = ctx.method === 'GET' || ctx.method === 'HEAD';
    if (!isSafe || ctx.get('Authorization') !== '' || ctx.get('Cookie') !== '') {
      throw new DomainError(
        'https_required',
        'This service is reached by HTTPS only; what was sent in the clear may have been read.',
      );
    }
    ctx.redirect(`https://${requestHost(ctx)}${ctx.path}${ctx.search}`);
    ctx.status = 308;
    ctx.body = { detail: 'This service is reached by HTTPS.' };
  };
}

/** Sets Strict-Transport-Security on responses over HTTPS, those of unknown hosts included. */
export function strictTransportSecurity(settings: HttpsSettings): AppMiddleware {
  const { hstsSeconds, hstsIncludeSubdomains, hstsPreload } = settings;
  const policy = [
    `max-age=${hstsSeconds}`,
    ...(hstsIncludeSubdomains ? ['includeSubDomains'] : []),
    ...(hstsPreload ? ['preload'] : []),
  ].join('; ');
  return async function strictTransportSecurity(ctx, next) {
    if (ctx.secure && hstsSeconds > 0) {
      ctx.set('Strict-Transport-Security', policy);
    }
    await next();
  };
}
