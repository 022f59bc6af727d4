import { DomainError } from '../../errors.ts';
import type { AppMiddleware } from '../state.ts';

/** This API speaks JSON: a client that wants something else is told so before anything is done. */
export function acceptJson(): AppMiddleware {
  return async function acceptJson(ctx, next) {
    if (!ctx.accepts('json')) {
      throw new DomainError('not_acceptable', 'Could not satisfy the request Accept header.');
    }
    await next();
  };
}
