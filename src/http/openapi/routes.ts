import type Router from '@koa/router';

import type { Metadata } from '../metadata.ts';
import type { AppMiddleware, Handler, State } from '../state.ts';

/** A path as it was registered with `resource`. */
export type Route = Readonly<{
  path: string;
  /** By method. */
  handlers: Readonly<Record<string, Handler>>;
  before: readonly AppMiddleware[];
  metadata: Metadata;
}>;

const routes = new WeakMap<Router<State>, Route[]>();

/** Adds a path to those of its router, for the OpenAPI document. */
export function recordRoute(router: Router<State>, route: Route): void {
  routes.set(router, [...(routes.get(router) ?? []), route]);
}

const BROWSABLE = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);

/**
 * Returns the paths of a router: those registered with `resource`, and those that its app registered directly,
 * which have no description.
 */
export function routesOf(router: Router<State>): readonly Route[] {
  const recorded = routes.get(router) ?? [];
  const known = new Set(recorded.map(({ path }) => path));
  const direct = router.stack
    .filter(({ path }) => typeof path === 'string' && !known.has(path))
    .map(({ path, methods }): Route => {
      const handler: Handler = async () => {};
      const handlers = Object.fromEntries(
        methods.filter((method) => BROWSABLE.has(method)).map((method) => [method, handler]),
      );
      return { path: String(path), handlers, before: [], metadata: {} };
    });
  return [...recorded, ...direct];
}
