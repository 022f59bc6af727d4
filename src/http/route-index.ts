import type Router from '@koa/router';
import compose from 'koa-compose';

import type { AppMiddleware, State } from './state.ts';

/** A segment without parameters, wildcards and optional parts. */
const CONSTANT = /^[\w.~-]+$/;

/** Returns the first two segments of a path. */
function keyOf(path: string): string {
  const second = path.indexOf('/', 1);
  const third = second < 0 ? -1 : path.indexOf('/', second + 1);
  const key = third < 0 ? path : path.slice(0, third);
  return key.endsWith('/') ? key.slice(0, -1) : key;
}

/** Returns the keys of all paths that a router can match. Null: it can match others too. */
function keysOf({ stack, opts }: Router<State>): ReadonlySet<string> | null {
  if (opts.sensitive !== true || opts.host !== undefined) {
    return null;
  }
  const keys = new Set<string>();
  // Middleware of a router runs only for a path that one of its routes matches.
  for (const { path } of stack.filter(({ methods }) => methods.length > 0)) {
    if (typeof path !== 'string' || !path.startsWith('/')) {
      return null;
    }
    const key = keyOf(path);
    if (
      !key
        .slice(1)
        .split('/')
        .every((segment) => CONSTANT.test(segment))
    ) {
      return null;
    }
    keys.add(key);
  }
  return keys;
}

/**
 * Combines routers, in their order. A router tests its routes one after the other, so the routers of other apps are
 * skipped: those without a route that begins with the first two segments of the path. Routes must not be added
 * later.
 */
export function composeRouters(routers: ReadonlyArray<Router<State>>): AppMiddleware {
  const indexed = routers.map((router) => ({ routes: router.routes(), keys: keysOf(router) }));
  const composeFor = (key: string | null): AppMiddleware =>
    compose(
      indexed
        .filter(({ keys }) => keys === null || (key !== null && keys.has(key)))
        .map(({ routes }) => routes),
    ) as AppMiddleware;
  const others = composeFor(null);
  const byKey = new Map(
    indexed.flatMap(({ keys }) => [...(keys ?? [])]).map((key) => [key, composeFor(key)] as const),
  );
  return function composedRouters(ctx, next) {
    return (byKey.get(keyOf(ctx.path)) ?? others)(ctx, next);
  };
}
