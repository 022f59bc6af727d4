import Router from '@koa/router';
import compose from 'koa-compose';

import { ApiError } from '../errors.ts';
import { originOf } from './host.ts';
import type { AppMiddleware, Context, Handler, State } from './state.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Calls the handler of the method, or responds 405 with `Allow`. */
function dispatch(handlers: Readonly<Partial<Record<Method, Handler>>>): AppMiddleware {
  const allow = [...Object.keys(handlers), ...(handlers.GET ? ['HEAD'] : [])].join(', ');
  return async function dispatch(ctx) {
    const handler = handlers[(ctx.method === 'HEAD' ? 'GET' : ctx.method) as Method];
    if (!handler) {
      ctx.set('Allow', allow);
      throw new ApiError('method_not_allowed', `Method "${ctx.method}" not allowed.`);
    }
    await handler(ctx as Context);
  };
}

/** Creates a router whose paths are case-sensitive, with and without their trailing slash. */
export const createRouter = (): Router<State> => new Router<State>({ sensitive: true });

/**
 * Registers one path with all its methods behind the same middleware. The checks run in this
 * order: credentials (401), permission (403), method (405), input (400).
 */
export function resource(
  router: Router<State>,
  path: string,
  before: readonly AppMiddleware[],
  handlers: Readonly<Partial<Record<Method, Handler>>>,
): void {
  const named: AppMiddleware = async function named(ctx, next) {
    ctx.state.route = path;
    await next();
  };
  router.all(path, named, ...(before as AppMiddleware[]), dispatch(handlers));
}

/** Applies middleware to some methods of a path only. */
export function byMethod(
  chains: Readonly<Partial<Record<Method, readonly AppMiddleware[]>>>,
  otherwise: readonly AppMiddleware[],
): AppMiddleware {
  const entries = Object.entries(chains).map(
    ([method, chain]) => [method, compose(chain as AppMiddleware[])] as const,
  );
  const composed = new Map<string, AppMiddleware>(entries);
  const rest = compose(otherwise as AppMiddleware[]);
  return async function byMethod(ctx, next) {
    await (composed.get(ctx.method) ?? rest)(ctx, next);
  };
}

/** Responds with a new row: 201, and `Location` with its id behind the path of its list. */
export function sendCreated(ctx: Context, row: Readonly<{ id: number | string }>): void {
  ctx.status = 201;
  ctx.set('Location', `${originOf(ctx)}${ctx.path.replace(/\/$/, '')}/${row.id}/`);
  ctx.body = row;
}
