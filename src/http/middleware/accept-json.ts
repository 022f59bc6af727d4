import { ApiError } from '../../errors.ts';
import type { AppMiddleware } from '../state.ts';

/**
 * Rejects requests whose Accept header excludes JSON and every other type of the route, before anything is changed.
 */
export function acceptJson(): AppMiddleware {
  return function acceptJson(ctx, next) {
    const accept = ctx.req.headers.accept ?? '*/*';
    if (
      accept !== '*/*' &&
      accept !== 'application/json' &&
      !ctx.accepts('json', ...(ctx.state.produces ?? []))
    ) {
      throw new ApiError('not_acceptable', 'Could not satisfy the request Accept header.');
    }
    return next();
  };
}
