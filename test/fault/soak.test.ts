import { Agent } from 'node:http';
import test from 'ava';

import { openHeap } from '../helpers/heap.ts';
import { sendRequest } from '../helpers/server.ts';
import type { World } from '../helpers/world.ts';
import { openWorldWithUsers, startProcess } from './own-process.ts';
import type { Author } from './writers.ts';

const CLIENTS = 8;

/** Maximum bytes that may remain in memory per request. Its headers alone have more. */
const KEPT = 512;

let world: World;
test.before(async () => {
  world = await openWorldWithUsers();
});
test.after.always(() => world?.close());

/** Sends the n-th request, and returns its status: reads, writes, and rejections at every stage of a request. */
async function send(port: number, agent: Agent, { host, token }: Author, n: number): Promise<number> {
  const path = '/api/notes/';
  const kinds = [
    () => sendRequest(port, host, 'GET', path, { token, agent }),
    () => sendRequest(port, host, 'POST', path, { token, agent, body: { name: `project ${n}` } }),
    () => sendRequest(port, host, 'GET', `${path}?search=project&ordering=-name`, { token, agent }),
    () => sendRequest(port, host, 'GET', `${path}999999/`, { token, agent }),
    () => sendRequest(port, host, 'POST', path, { token, agent, raw: '{"name":' }),
    () => sendRequest(port, host, 'GET', path, { agent }),
    () => sendRequest(port, host, 'GET', path, { token: `${token}x`, agent }),
    () => sendRequest(port, `host-${n}.localhost`, 'GET', path, { agent }),
    () => sendRequest(port, host, 'DELETE', `${path}${n}/`, { token, agent }),
  ];
  const { status } = await (kinds[n % kinds.length] as () => ReturnType<typeof sendRequest>)();
  return status;
}

/** Sends `count` requests, and returns the number of responses by status. */
async function sendMany(port: number, authors: readonly Author[], from: number, count: number) {
  const statuses = new Map<number, number>();
  let next = from;
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      while (next < from + count) {
        const n = next;
        next += 1;
        const status = await send(port, agent, authors[client % authors.length] as Author, n);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
      agent.destroy();
    }),
  );
  return statuses;
}

test('retains no memory after thousands of requests', async (t) => {
  const main = await startProcess(t, world, { NODE_OPTIONS: '--inspect=127.0.0.1:0' });
  const heap = await openHeap(main);
  const third = 1_700;
  // Warm-up: caches fill to their limits, and code is compiled.
  await sendMany(main.port, main.authors, 0, third);
  const warm = await sendMany(main.port, main.authors, third, third);
  const before = await heap.used();
  const last = await sendMany(main.port, main.authors, 2 * third, third);
  const after = await heap.used();
  heap.close();
  for (const statuses of [warm, last]) {
    t.deepEqual(
      [...statuses.keys()].filter((status) => status >= 500),
      [],
    );
    t.true((statuses.get(201) ?? 0) > 100, 'rows were written');
    t.true((statuses.get(200) ?? 0) > 300, 'and read');
  }
  const grown = ((after - before) * 2 ** 20) / third;
  t.log(`${before.toFixed(1)} MB, then ${after.toFixed(1)} MB: ${Math.round(grown)} bytes a request`);
  t.true(grown < KEPT, `${Math.round(grown)} bytes of each request stay`);
  main.child.kill('SIGTERM');
  t.is(await main.ended, 0);
});
