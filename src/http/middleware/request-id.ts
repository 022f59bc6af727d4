import { randomUUID } from 'node:crypto';

import type { AppMiddleware } from '../state.ts';

/** What may stand in a log and in a header as it is. */
const SAFE = /^[A-Za-z0-9._-]{8,64}$/;

/**
 * Gives every request an id, and every answer the same one. A client's own is
 * not taken over: two could choose the same. One that a trusted proxy sends on is,
 * in a shape that is safe to write down, so that its log and ours meet.
 */
export function requestId(): AppMiddleware {
  return async function requestId(ctx, next) {
    const given = ctx.app.proxy ? ctx.get('X-Request-Id') : '';
    ctx.state.requestId = SAFE.test(given) ? given : randomUUID();
    ctx.state.guards = [];
    ctx.set('X-Request-Id', ctx.state.requestId);
    await next();
  };
}
