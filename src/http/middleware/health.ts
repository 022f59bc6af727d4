import type { AppMiddleware } from '../state.ts';

/** `/healthz`: the process lives. `/readyz`: it can serve. On every host, before any tenant is looked for. */
export function health({ isReady }: { isReady: () => Promise<boolean> }): AppMiddleware {
  return async function health(ctx, next) {
    const path = ctx.path.replace(/\/$/, '');
    if (path !== '/healthz' && path !== '/readyz') {
      await next();
      return;
    }
    const ok = path === '/healthz' || (await isReady());
    ctx.set('Cache-Control', 'no-store');
    ctx.status = ok ? 200 : 503;
    ctx.body = ok
      ? { status: 'ok' }
      : { detail: 'The database cannot be reached.', code: 'database_unavailable' };
    if (!ok) {
      ctx.set('Retry-After', '5');
    }
  };
}
