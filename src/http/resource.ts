import Router from '@koa/router';
import compose from 'koa-compose';

import { ApiError } from '../errors.ts';
import { type EntityTags, needsCurrentRow, tagged } from './etag.ts';
import { originOf } from './host.ts';
import { hasIdempotencyKey, type IdempotencyStore, idempotent } from './idempotency.ts';
import { orNotFound } from './identifier.ts';
import { type Metadata, metadataBody } from './metadata.ts';
import { describeStacks } from './openapi/description.ts';
import { recordRoute } from './openapi/routes.ts';
import { isSingle, producesOf } from './single.ts';
import type { AppMiddleware, Context, Handler, State } from './state.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
type Method = (typeof METHODS)[number];

type Handlers = Readonly<Partial<Record<Method, Handler>>>;

/** Returns the handlers by method. HEAD uses that of GET. */
const byMethod = (handlers: Handlers): ReadonlyMap<string, Handler> =>
  new Map(
    METHODS.flatMap((method) => {
      const handler = handlers[method];
      const names = method === 'GET' ? ['GET', 'HEAD'] : [method];
      return handler ? names.map((name) => [name, handler] as const) : [];
    }),
  );

/** What a resource does in addition to its handlers, and how it is described. */
export type ResourceOptions = Metadata &
  Readonly<{
    /**
     * Runs a POST request with an Idempotency-Key once. The stack must be `authenticated`. Default: the header is
     * ignored.
     */
    idempotency?: IdempotencyStore | null | undefined;
    /** Adds an ETag to responses with one object, and checks If-Match. The stack must be `authenticated`. Default: none. */
    etag?: EntityTags | undefined;
  }>;

/** Returns the handlers with what the options add to them. */
function withOptions(given: Handlers, { idempotency, etag }: ResourceOptions): Handlers {
  const entries = Object.entries(given).map(([method, handler]) => [
    method,
    method === 'POST'
      ? idempotency
        ? idempotent(handler, idempotency)
        : handler
      : etag
        ? tagged(handler, method, etag)
        : handler,
  ]);
  return Object.fromEntries(entries);
}

/** Whether the request needs other statements next to that of a handler made by `single`. */
const needsTransaction = ({ idempotency, etag }: ResourceOptions, ctx: Context): boolean =>
  (Boolean(idempotency) && ctx.method === 'POST' && hasIdempotencyKey(ctx)) ||
  (etag !== undefined && needsCurrentRow(etag, ctx));

/** Calls the handler of the method, describes the resource to OPTIONS, or responds 405. */
function dispatch(handlers: Handlers, describe: (ctx: Context) => Promise<unknown>): AppMiddleware {
  const known = byMethod(handlers);
  return function dispatch(ctx) {
    if (ctx.method === 'OPTIONS') {
      return describe(ctx as Context).then((body) => {
        ctx.body = body;
      });
    }
    const handler = known.get(ctx.method);
    if (!handler) {
      throw new ApiError('method_not_allowed', `Method "${ctx.method}" not allowed.`);
    }
    return handler(ctx as Context);
  };
}

/** Creates a router whose paths are case-sensitive, with and without their trailing slash. */
export const createRouter = (): Router<State> => new Router<State>({ sensitive: true });

/**
 * Registers one path with all its methods behind the same middleware. The checks run in this
 * order: credentials (401), permission (403), method (405), input (400). Every response has `Allow`.
 * OPTIONS describes the resource, as in Django REST Framework.
 */
export function resource(
  router: Router<State>,
  path: string,
  before: readonly AppMiddleware[],
  given: Handlers,
  options: ResourceOptions = {},
): void {
  const handlers = withOptions(given, options);
  const methods = METHODS.filter((method) => handlers[method]);
  const allow = [...methods, ...(handlers.GET ? ['HEAD'] : []), 'OPTIONS'].join(', ');
  const describe = (ctx: Context): Promise<unknown> => metadataBody(ctx, path, methods, options);
  const produces = producesOf(given.GET);
  const singles = new Set(
    [...byMethod(given)].filter(([, handler]) => isSingle(handler)).map(([name]) => name),
  );
  const named: AppMiddleware = function named(ctx, next) {
    ctx.state.route = path;
    ctx.state.isSingle = singles.has(ctx.method) && !needsTransaction(options, ctx as Context);
    if (produces.length > 0) {
      ctx.state.produces = produces;
    }
    ctx.set('Allow', allow);
    return next();
  };
  recordRoute(router, {
    path,
    handlers: Object.fromEntries(methods.map((method) => [method, handlers[method] as Handler])),
    before,
    metadata: options,
  });
  // Composed here: the router composes what it gets for each request.
  router.all(path, compose([named, ...before, dispatch(handlers, describe)] as AppMiddleware[]));
}

/** Applies middleware to some methods of a path only. */
export function middlewareByMethod(
  stacks: Readonly<Partial<Record<Method, readonly AppMiddleware[]>>>,
  otherwise: readonly AppMiddleware[],
): AppMiddleware {
  const entries = Object.entries(stacks).map(
    ([method, stack]) => [method, compose(stack as AppMiddleware[])] as const,
  );
  const composed = new Map<string, AppMiddleware>(entries);
  const rest = compose(otherwise as AppMiddleware[]);
  return describeStacks(
    (method) => stacks[method as Method] ?? otherwise,
    async function middlewareByMethod(ctx, next) {
      await (composed.get(ctx.method) ?? rest)(ctx, next);
    },
  );
}

/**
 * Responds with a new row: 201, and `Location` with its id behind the path of its list.
 *
 * @throws ApiError `not_found` if the statement has inserted no row
 */
export function sendCreated(ctx: Context, row: Readonly<{ id: number | string }> | undefined): void {
  const created = orNotFound(row);
  ctx.status = 201;
  ctx.set('Location', `${originOf(ctx)}${ctx.path.replace(/\/$/, '')}/${created.id}/`);
  ctx.body = created;
}
