import type { AppMiddleware, Context } from '../state.ts';

const DATABASE_UNAVAILABLE = { detail: 'The database is unavailable.', code: 'database_unavailable' };
type Fault = typeof DATABASE_UNAVAILABLE;
const STOPPING: Fault = { detail: 'The process is shutting down.', code: 'stopping' };

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
  const findFault = async (): Promise<Fault | null> => {
    if (isStopping()) {
      return STOPPING;
    }
    return (await isReady()) ? null : DATABASE_UNAVAILABLE;
  };
  const respond = async (
    ctx: Pick<Context, 'set' | 'status' | 'body'>,
    fault: Fault | null,
  ): Promise<void> => {
    ctx.set('Cache-Control', 'no-store');
    ctx.status = fault ? 503 : 200;
    ctx.body = fault ?? { status: 'ok' };
    if (fault) {
      ctx.set('Retry-After', '5');
    }
  };
  return function health(ctx, next) {
    switch (ctx.path) {
      case '/healthz':
      case '/healthz/':
        return respond(ctx, null);
      case '/readyz':
      case '/readyz/':
        return findFault().then((fault) => respond(ctx, fault));
      default:
        return next();
    }
  };
}
