import { ApiError } from '../../errors.ts';
import type { AppMiddleware } from '../state.ts';

/** Rejects requests whose Accept header excludes JSON, before anything is changed. */
export function acceptJson(): AppMiddleware {
  return async function acceptJson(ctx, next) {
    if (!ctx.accepts('json')) {
      throw new ApiError('not_acceptable', 'Could not satisfy the request Accept header.');
    }
    await next();
  };
}
