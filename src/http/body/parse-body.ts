import { bodyParser } from '@koa/bodyparser';

import { DomainError } from '../../errors.ts';
import type { AppMiddleware, Context } from '../state.ts';

/** Bytes. */
const LIMIT = 1024 * 1024;

const parse = bodyParser({
  enableTypes: ['json'],
  // Who deletes an account says the password again. koa-bodyparser leaves DELETE out.
  parsedMethods: ['POST', 'PUT', 'PATCH', 'DELETE'],
  extendTypes: { json: ['json', '+json'] },
  jsonStrict: false,
  jsonLimit: LIMIT,
  encoding: 'utf-8',
  onError: (error) => {
    const { status, message } = error as Error & { status?: number };
    throw status === 413
      ? new DomainError('payload_too_large', 'The request body is larger than 1 MiB.')
      : new DomainError('parse_error', `JSON parse error - ${message.split('\n')[0]?.slice(0, 100)}`);
  },
});

const hasBody = (ctx: Context): boolean =>
  ctx.request.headers['transfer-encoding'] !== undefined ||
  Number(ctx.request.headers['content-length'] ?? 0) > 0;

/**
 * Reads the body before any transaction is opened, so that a slow client holds
 * no connection. What is wrong with it is kept for `readBody`: a client that is
 * not logged in learns that first.
 */
export function parseBody(): AppMiddleware {
  return async function parseBody(ctx, next) {
    if (!hasBody(ctx)) {
      ctx.state.body = { value: {} };
    } else if (!ctx.is('json', '+json')) {
      const type = ctx.get('Content-Type') || 'application/octet-stream';
      ctx.state.body = {
        fault: new DomainError(
          'unsupported_media_type',
          `Unsupported media type "${type.slice(0, 100)}" in request.`,
        ),
      };
    } else {
      try {
        await parse(ctx as never, async () => {});
        ctx.state.body = { value: (ctx.request as { body?: unknown }).body };
      } catch (fault) {
        // Nobody is there any more, or was too slow: nothing is done for half a request.
        if (!ctx.req.complete && ctx.req.destroyed) {
          throw fault;
        }
        // What was not read is let go, or the next request on this connection waits behind it.
        ctx.req.resume();
        ctx.state.body = { fault: fault as Error };
      }
    }
    await next();
  };
}
