import { requestHost } from '../host.ts';
import type { AppMiddleware } from '../state.ts';

/** Redirects reads on another domain of a tenant to its primary domain (308). Comes after `findTenant`. */
export function redirectToPrimary(): AppMiddleware {
  return async function redirectToPrimary(ctx, next) {
    const { tenant } = ctx.state;
    const isSafe = ctx.method === 'GET' || ctx.method === 'HEAD';
    if (!isSafe || tenant.isSite || requestHost(ctx) === tenant.primaryDomain) {
      await next();
      return;
    }
    const port = /:\d+$/.exec(ctx.host)?.[0] ?? '';
    ctx.redirect(`${ctx.protocol}://${tenant.primaryDomain}${port}${ctx.path}${ctx.search}`);
    ctx.status = 308;
    ctx.body = { detail: 'This tenant is served at its primary domain.' };
  };
}
