import Koa from 'koa';

import type { Context, State } from '../state.ts';

type Run = (ctx: Context) => Promise<unknown>;
type HandleRequest = (ctx: Context, run: Run) => Promise<unknown>;

const { handleRequest } = Koa.prototype as unknown as Readonly<{ handleRequest: HandleRequest }>;

/** Statuses of responses without a body. */
const EMPTY: ReadonlySet<number> = new Set([204, 205, 304]);

const isText = (ctx: Context): boolean =>
  typeof ctx.body === 'string' &&
  ctx.method !== 'HEAD' &&
  !EMPTY.has(ctx.status) &&
  ctx.respond !== false &&
  ctx.writable;

/**
 * Koa, which sends a text itself. Almost every response is one, and its headers are set.
 *
 * Koa listens to the end of every response and the errors of its socket with `on-finished`: eight listeners are added and
 * removed. That is for streams, whose errors arrive while they are sent. All that is not a text is left to Koa.
 */
export class Application extends Koa<State> {
  async handleRequest(ctx: Context, run: Run): Promise<unknown> {
    const { res } = ctx;
    res.statusCode = 404;
    try {
      await run(ctx);
      if (isText(ctx)) {
        return res.end(ctx.body);
      }
    } catch (error) {
      return ctx.onerror(error as Error);
    }
    const { statusCode } = res;
    return handleRequest.call(this, ctx, async () => {
      // Koa begins with 404.
      res.statusCode = statusCode;
    });
  }
}
