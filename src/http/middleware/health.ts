import type { AppMiddleware } from '../state.ts';

const AWAY = { detail: 'The database is unavailable.', code: 'database_unavailable' };
const STOPPING = { detail: 'The process is shutting down.', code: 'stopping' };

/**
 * Serves `/healthz` (the process runs) and `/readyz` (it can serve), on every host, before the
 * tenant is looked up.
 */
export function health({
  isReady,
  isStopping,
}: {
  isReady: () => Promise<boolean>;
  /** Whether the service is shutting down. `/readyz` is then 503. */
  isStopping: () => boolean;
}): AppMiddleware {
  const findFault = async (): Promise<typeof AWAY | null> => {
    if (isStopping()) {
      return STOPPING;
    }
    return (await isReady()) ? null : AWAY;
  };
  return async function health(ctx, next) {
    const path = ctx.path.replace(/\/$/, '');
    if (path !== '/healthz' && path !== '/readyz') {
      await next();
      return;
    }
    const fault = path === '/healthz' ? null : await findFault();
    ctx.set('Cache-Control', 'no-store');
    ctx.status = fault ? 503 : 200;
    ctx.body = fault ?? { status: 'ok' };
    if (fault) {
      ctx.set('Retry-After', '5');
    }
  };
}
