import type { AppMiddleware } from '../state.ts';

export type RequestLine = Readonly<{
  requestId: string;
  method: string;
  /** Without the query string, which may hold what people search for. */
  path: string;
  status: number;
  /** Milliseconds. */
  duration: number;
  tenant: string | null;
  user: string | null;
  /** The operator who acted for the user. */
  actor: string | null;
}>;

/** One line a request, after it is answered. */
export function requestLog({ write }: { write: (line: RequestLine) => void }): AppMiddleware {
  return async function requestLog(ctx, next) {
    const started = performance.now();
    try {
      await next();
    } finally {
      write({
        requestId: ctx.state.requestId,
        method: ctx.method,
        path: ctx.path,
        status: ctx.status,
        duration: Math.round((performance.now() - started) * 10) / 10,
        tenant: ctx.state.tenant?.id ?? null,
        user: ctx.state.caller?.userId ?? null,
        actor: ctx.state.caller?.actor ?? null,
      });
    }
  };
}
