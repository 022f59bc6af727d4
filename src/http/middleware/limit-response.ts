import { ApiError } from '../../errors.ts';
import { describeMiddleware } from '../openapi/description.ts';
import type { AppMiddleware } from '../state.ts';

/**
 * Rejects a response that is larger than the tenant's limit. It runs inside the request's
 * transaction, so that a rejected write is rolled back. A response to work that a route has
 * already committed in its own transaction is sent whatever its size.
 *
 * An object is serialized here, once, and sent unchanged.
 */
export function limitResponse({ onHit }: { onHit: () => void }): AppMiddleware {
  return describeMiddleware({ errors: ['response_too_large'] }, async function limitResponse(ctx, next) {
    await next();
    const { body } = ctx;
    const most = ctx.state.limits?.responseBytes;
    if (most === undefined || (typeof body !== 'string' && !isPlain(body))) {
      return;
    }
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const isSaved = !ctx.state.tx && ctx.method !== 'GET' && ctx.method !== 'HEAD';
    if (!isSaved && Buffer.byteLength(text) > most) {
      onHit();
      throw new ApiError(
        'response_too_large',
        `The response exceeds ${most} bytes. Request less data at a time.`,
      );
    }
    if (text !== body) {
      ctx.body = text;
    }
  });
}

/** Whether Koa would serialize a body as JSON: it is not a stream, a buffer or a Response. */
const isPlain = (body: unknown): boolean =>
  typeof body === 'object' &&
  body !== null &&
  (Array.isArray(body) || [Object.prototype, null].includes(Object.getPrototypeOf(body)));
