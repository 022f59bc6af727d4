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
 * Sends readers to HTTPS (308), and refuses what brings credentials or a body in
 * the clear: a redirect would let a client go on doing so unnoticed. Says over
 * HTTPS, and there only, that it is to stay.
 *
 * Whether a request came by HTTPS is a trusted proxy's word.
 *
 * @throws DomainError `https_required`
 */
export function requireHttps(settings: HttpsSettings): AppMiddleware {
  const { redirect, hstsSeconds, hstsIncludeSubdomains, hstsPreload } = settings;
  const policy = [
    `max-age=${hstsSeconds}`,
    ...(hstsIncludeSubdomains ? ['includeSubDomains'] : []),
    ...(hstsPreload ? ['preload'] : []),
  ].join('; ');
  return async function requireHttps(ctx, next) {
    if (ctx.secure) {
      if (hstsSeconds > 0) {
        ctx.set('Strict-Transport-Security', policy);
      }
      await next();
      return;
    }
    if (!redirect) {
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
