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
 * A Koa application that sends bodies which are texts itself. Almost every body is one. Koa sends all others.
 *
 * For each response Koa adds eight listeners to the response and its socket (`on-finished`), and removes them. Only streams
 * need them, because their errors occur while the response is sent.
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
      // Koa has set the status to 404 before this.
      res.statusCode = statusCode;
    });
  }
}
