import type Router from '@koa/router';

import { DomainError } from '../errors.ts';
import type { AppMiddleware, Context, Handler, State } from './state.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Answers 405 with `Allow` for a method that a resource does not have. */
function dispatch(handlers: Readonly<Partial<Record<Method, Handler>>>): AppMiddleware {
  const allow = [...Object.keys(handlers), ...(handlers.GET ? ['HEAD'] : [])].join(', ');
  return async function dispatch(ctx) {
    const handler = handlers[(ctx.method === 'HEAD' ? 'GET' : ctx.method) as Method];
    if (!handler) {
      ctx.set('Allow', allow);
      throw new DomainError('method_not_allowed', `Method "${ctx.method}" not allowed.`);
    }
    await handler(ctx as Context);
  };
}

/**
 * Registers one path with all its methods behind the same middleware, so that a
 * client learns in this order: who are you (401), may you (403), can one do that
 * here (405), is what you sent right (400).
 */
export function resource(
  router: Router<State>,
  path: string,
  before: readonly AppMiddleware[],
  handlers: Readonly<Partial<Record<Method, Handler>>>,
): void {
  router.all(path, ...(before as AppMiddleware[]), dispatch(handlers));
}
