import { randomUUID } from 'node:crypto';

import type { AppMiddleware } from '../state.ts';

/** IDs that are safe in a log and in a header. */
const SAFE = /^[A-Za-z0-9._-]{8,64}$/;

/**
 * Sets an id for every request and its response. An id from a client is ignored: two clients could
 * choose the same. An id from a trusted proxy is used if its form is safe, so that the logs of
 * both can be joined.
 */
export function requestId(): AppMiddleware {
  return function requestId(ctx, next) {
    const given = ctx.app.proxy ? ctx.get('X-Request-Id') : '';
    ctx.state.requestId = SAFE.test(given) ? given : randomUUID();
    ctx.state.guards = [];
    ctx.set('X-Request-Id', ctx.state.requestId);
    return next();
  };
}
