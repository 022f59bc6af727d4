import type Router from '@koa/router';

import { ApiError } from '../../errors.ts';
import type { AppMiddleware, Context, Handler, State } from '../state.ts';

/** A path without host, backslashes, control characters and white space. */
const LOCAL_PATH = /^\/(?![/\\])[^\\\p{C}\s]*$/u;

type Handlers = Readonly<{ GET?: Handler; POST?: Handler }>;

/** Calls the handler of the method, or responds 405. */
export async function servePage(ctx: Context, handlers: Handlers): Promise<void> {
  const { GET, POST } = handlers;
  ctx.set('Allow', [...(GET ? ['GET', 'HEAD'] : []), ...(POST ? ['POST'] : [])].join(', '));
  const handler =
    ctx.method === 'POST' ? POST : ctx.method === 'GET' || ctx.method === 'HEAD' ? GET : undefined;
  if (!handler) {
    throw new ApiError('method_not_allowed', `Method "${ctx.method}" not allowed.`);
  }
  await handler(ctx);
}

/** Registers a page for people: GET shows it, and POST receives its form. */
export function page(
  router: Router<State>,
  path: string,
  before: readonly AppMiddleware[],
  handlers: Handlers,
): void {
  const named: AppMiddleware = async function named(ctx, next) {
    ctx.state.route = path;
    await next();
  };
  router.all(path, named, ...(before as AppMiddleware[]), (ctx) => servePage(ctx as Context, handlers));
}

/** Sends the browser to another page with GET. */
export function seeOther(ctx: Context, path: string): void {
  ctx.redirect(path);
  ctx.status = 303;
}

/**
 * Returns the path of this host that a query names, or `otherwise`. Other hosts are rejected: the link would be an open
 * redirect.
 */
export function localPath(given: unknown, otherwise: string): string {
  if (typeof given !== 'string' || given.length > 2_000 || !LOCAL_PATH.test(given)) {
    return otherwise;
  }
  const here = 'http://host.invalid';
  const url = URL.parse(given, here);
  const path = url?.origin === here ? `${url.pathname}${url.search}` : '';
  // `/.//host` is `//host` after parsing.
  return LOCAL_PATH.test(path) ? path : otherwise;
}
