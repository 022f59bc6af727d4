import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import test from 'ava';

import { Application } from '../../src/http/server/application.ts';
import type { Context } from '../../src/http/state.ts';

const RESPONSES: Readonly<Record<string, (ctx: Context) => void>> = {
  text: (ctx) => {
    ctx.body = 'ä text';
  },
  object: (ctx) => {
    ctx.status = 201;
    ctx.body = { id: 1 };
  },
  stream: (ctx) => {
    ctx.status = 202;
    ctx.body = Readable.from(['a ', 'stream']);
  },
  empty: (ctx) => {
    ctx.body = 'text';
    ctx.status = 204;
  },
  nothing: () => {},
  failed: () => {
    throw Object.assign(new Error('not for clients'), { status: 503 });
  },
};

test('responds as Koa does, whatever the body is', async (t) => {
  const app = new Application();
  app.silent = true;
  app.use(async (ctx) => RESPONSES[ctx.path.slice(1)]?.(ctx as Context));
  const server = createServer(app.callback()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const received = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`, { method });
    return [response.status, response.headers.get('content-length'), await response.text()];
  };
  try {
    t.deepEqual(await received('text'), [200, '7', 'ä text']);
    t.deepEqual(await received('text', 'HEAD'), [200, '7', '']);
    t.deepEqual(await received('object'), [201, '8', '{"id":1}']);
    t.deepEqual(await received('stream'), [202, null, 'a stream']);
    t.deepEqual(await received('empty'), [204, null, '']);
    t.deepEqual(await received('nothing'), [404, '9', 'Not Found']);
    t.deepEqual(await received('failed'), [503, '19', 'Service Unavailable']);
  } finally {
    server.close();
  }
});
