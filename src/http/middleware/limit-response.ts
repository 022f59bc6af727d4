import { DomainError } from '../../errors.ts';
import type { AppMiddleware } from '../state.ts';

/**
 * Refuses an answer that is larger than the tenant may have. It stands inside the
 * request's transaction, so that nothing of a refused write is kept. What a route
 * has already saved in a transaction of its own is answered whatever its size.
 *
 * The body is written as JSON here, once, and goes out as it is.
 */
export function limitResponse({ onHit }: { onHit: () => void }): AppMiddleware {
  return async function limitResponse(ctx, next) {
    await next();
    const { body } = ctx;
    const most = ctx.state.limits?.responseBytes;
    if (most === undefined || typeof body !== 'object' || body === null || !isPlain(body)) {
      return;
    }
    const text = JSON.stringify(body);
    const isSaved = !ctx.state.tx && ctx.method !== 'GET' && ctx.method !== 'HEAD';
    if (!isSaved && Buffer.byteLength(text) > most) {
      onHit();
      throw new DomainError(
        'response_too_large',
        `The answer has more than ${most} bytes. Ask for less at a time.`,
      );
    }
    ctx.body = text;
  };
}

/** What Koa would write as JSON: not a stream, a buffer or a response of its own. */
const isPlain = (body: object): boolean =>
  Array.isArray(body) || [Object.prototype, null].includes(Object.getPrototypeOf(body));
