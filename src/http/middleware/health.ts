import type { AppMiddleware } from '../state.ts';

const DATABASE_UNAVAILABLE = { detail: 'The database is unavailable.', code: 'database_unavailable' };
const STOPPING = { detail: 'The process is shutting down.', code: 'stopping' };

/**
 * Serves `/healthz` (always 200) and `/readyz` (200, or 503 if the process cannot serve requests) on every
 * host, before the tenant is looked up.
 */
export function health({
  isReady,
  isStopping,
}: {
  isReady: () => Promise<boolean>;
  /** Whether the service is shutting down. `/readyz` then responds 503. */
  isStopping: () => boolean;
}): AppMiddleware {
  const findFault = async (): Promise<typeof DATABASE_UNAVAILABLE | null> => {
    if (isStopping()) {
      return STOPPING;
    }
    return (await isReady()) ? null : DATABASE_UNAVAILABLE;
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
