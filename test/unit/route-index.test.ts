import Router from '@koa/router';
import test from 'ava';
import compose from 'koa-compose';

import { createRouter } from '../../src/http/resource.ts';
import { composeRouters } from '../../src/http/route-index.ts';
import type { AppMiddleware, State } from '../../src/http/state.ts';

/** Returns a router whose routes respond with their path. */
function routerOf(paths: ReadonlyArray<string | RegExp>, router = createRouter()): Router<State> {
  for (const path of paths) {
    router.get(path, async (ctx) => {
      ctx.body = String(path);
    });
  }
  return router;
}

async function responseOf(middleware: AppMiddleware, path: string): Promise<unknown> {
  const ctx = { method: 'GET', path, state: {}, request: {} } as never as { body?: unknown };
  await middleware(ctx as never, async () => {});
  return ctx.body;
}

const ROUTERS = [
  routerOf(['/api/notes', '/api/notes/:id', '/login', '/']),
  routerOf(['/api/tags/:id/notes', '/api/notes/export']),
  routerOf(['/:page', '/files/*path', '/api{/:kind}']),
  routerOf([/^\/api\/(notes|books)\/all$/, '/API/Mixed'], new Router<State>()),
  routerOf(['/api/books', '/api/books/:id', '/api/notes/:id/late']),
];
const PATHS = [
  '/',
  '/login',
  '/login/',
  '/files/a/b',
  '/api',
  '/api/',
  '/api/notes',
  '/api/notes/',
  '/api/notes/1',
]
  .concat(['/api/notes/export', '/api/notes/1/late', '/api/tags/2/notes', '/api/books/1/', '/api/books/all'])
  .concat([
    '/api/mixed',
    '/API/notes',
    '//api/notes',
    '/api//notes',
    '/api/%6eotes',
    '/unknown/x',
    '/api/unknown',
  ]);

test('a path reaches the same route as when each router is asked in turn', async (t) => {
  const inTurn = compose(ROUTERS.map((router) => router.routes())) as AppMiddleware;
  const indexed = composeRouters(ROUTERS);
  for (const path of PATHS) {
    t.is(await responseOf(indexed, path), await responseOf(inTurn, path), path);
  }
});

test('asks only routers that can match the path', async (t) => {
  const asked: number[] = [];
  const routers = [routerOf(['/api/notes']), routerOf(['/api/tags/:id']), routerOf(['/:page'])];
  for (const [index, router] of routers.entries()) {
    const match = router.match.bind(router);
    router.match = (...args) => {
      asked.push(index);
      return match(...args);
    };
  }
  t.is(await responseOf(composeRouters(routers), '/api/tags/1'), '/api/tags/:id');
  t.deepEqual(asked, [1]);
});
