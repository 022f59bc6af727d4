import { randomUUID } from 'node:crypto';

import type { AppMiddleware } from '../state.ts';

/** Gives every request an id, and every answer the same one. A client's own is not taken over. */
export function requestId(): AppMiddleware {
  return async function requestId(ctx, next) {
    ctx.state.requestId = randomUUID();
    ctx.state.guards = [];
    ctx.set('X-Request-Id', ctx.state.requestId);
    await next();
  };
}
