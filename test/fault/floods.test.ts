import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';

import { servedProject } from '../fixture-app/served-project.ts';
import { makeUser, PASSWORD, serve, type TestService, until } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

let world: World;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'acme', 'alice');
});
test.after.always(() => world?.close());

/** Longer than any test: no connection ends by these timeouts. */
const PATIENT = { REQUEST_TIMEOUT: '600', KEEP_ALIVE_TIMEOUT: '600' };

const HALF = 'GET /api/notes/ HTTP/1.1\r\nHost: acme.localhost\r\nX-Filler: ';

/** Opens connections that send only `text`. `open` counts those that the service has not closed. */
async function flood(
  t: ExecutionContext,
  port: number,
  { count, text, from }: { count: number; text: string; from: (index: number) => string },
): Promise<{ open: () => number }> {
  const sockets = new Set<Socket>();
  for (let at = 0; at < count; at += 1) {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from(at) });
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    socket.write(text);
    await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
  }
  t.teardown(() => {
    for (const socket of sockets) {
      socket.destroy();
    }
  });
  return { open: () => sockets.size };
}

/** Returns the milliseconds of 50 requests of another client. None of them may fail. */
async function neighbor(t: ExecutionContext, service: TestService, token: string): Promise<string> {
  const times: number[] = [];
  for (let round = 0; round < 50; round += 1) {
    const started = performance.now();
    const { status } = await service.request('acme.localhost', 'GET', '/api/notes/', { token });
    times.push(performance.now() - started);
    t.is(status, 200);
  }
  times.sort((one, other) => one - other);
  return `p50 ${times[24]?.toFixed(1)} ms, p98 ${times[48]?.toFixed(1)} ms`;
}

test.serial('limits the connections of one address, and serves the others', async (t) => {
  const service = await serve(world, {
    ...PATIENT,
    MAX_CONNECTIONS: '400',
    MAX_CONNECTIONS_PER_ADDRESS: '50',
  });
  t.teardown(service.close);
  const token = await service.logIn('acme.localhost', 'alice', PASSWORD);
  const quiet = await neighbor(t, service, token);
  const { open } = await flood(t, service.port, { count: 500, text: '', from: () => '127.0.0.2' });
  t.log(`quiet: ${quiet}; 500 silent connections: ${await neighbor(t, service, token)}`);
  t.is(
    await until(
      async () => open(),
      (count) => count === 50,
    ),
    50,
  );
});

test.serial('closes connections without a complete request first when the limit is near', async (t) => {
  const service = await serve(world, {
    ...PATIENT,
    MAX_CONNECTIONS: '200',
    MAX_CONNECTIONS_PER_ADDRESS: '100',
  });
  t.teardown(service.close);
  const token = await service.logIn('acme.localhost', 'alice', PASSWORD);
  const kept = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => kept.destroy());
  const first = await service.request('acme.localhost', 'GET', '/healthz', { agent: kept });
  t.is(first.status, 200);
  const quiet = await neighbor(t, service, token);
  for (const text of ['', HALF, `${HALF.replace('GET', 'POST')}x\r\nContent-Length: 10\r\n\r\n`]) {
    const { open } = await flood(t, service.port, {
      count: 400,
      text,
      from: (at) => `127.0.0.${2 + (at % 40)}`,
    });
    t.log(`quiet: ${quiet}; 400 incomplete requests: ${await neighbor(t, service, token)}`);
    t.true(
      (await until(
        async () => open(),
        (count) => count <= 180,
      )) <= 180,
      String(open()),
    );
  }
  // Idle, and older than all others.
  const [socket] = Object.values(kept.freeSockets).flat();
  t.false(socket?.destroyed);
  t.is((await service.request('acme.localhost', 'GET', '/healthz', { agent: kept })).status, 200);
});

test.serial('does not limit the connections of a trusted proxy', async (t) => {
  const service = await serve(world, {
    ...PATIENT,
    TRUST_PROXY: '127.0.0.2',
    MAX_CONNECTIONS: '400',
    MAX_CONNECTIONS_PER_ADDRESS: '20',
  });
  t.teardown(service.close);
  const trusted = await flood(t, service.port, { count: 60, text: '', from: () => '127.0.0.2' });
  const other = await flood(t, service.port, { count: 60, text: '', from: () => '127.0.0.3' });
  t.is(
    await until(
      async () => other.open(),
      (count) => count === 20,
    ),
    20,
  );
  t.is(trusted.open(), 60);
});

test.serial('does not limit the connections of an address when TRUST_PROXY is a number', async (t) => {
  const service = await serve(world, {
    ...PATIENT,
    TRUST_PROXY: '1',
    MAX_CONNECTIONS_PER_ADDRESS: '20',
  });
  t.teardown(service.close);
  const { open } = await flood(t, service.port, { count: 60, text: '', from: () => '127.0.0.3' });
  // The limit would have closed connections before this response.
  t.is((await service.request('localhost', 'GET', '/healthz')).status, 200);
  t.is(open(), 60);
});

test.serial('serves /readyz and known hosts during 6,000 requests with random hostnames', async (t) => {
  const service = await serve(world, { DIRECTORY_TTL: '1', POOL_TIMEOUT: '3000' });
  t.teardown(service.close);
  const token = await service.logIn('acme.localhost', 'alice', PASSWORD);
  const quiet = await neighbor(t, service, token);
  const agent = new Agent({ keepAlive: true, maxSockets: 200 });
  t.teardown(() => agent.destroy());
  const statuses = new Set<number>();
  const flooding = Promise.all(
    Array.from({ length: 6_000 }, async () => {
      const host = `${randomBytes(8).toString('hex')}.localhost`;
      statuses.add((await service.request(host, 'GET', '/api/notes/', { agent })).status);
    }),
  );
  let isOver = false;
  void flooding.finally(() => {
    isOver = true;
  });
  const ready: number[] = [];
  const watching = (async () => {
    while (!isOver) {
      ready.push((await service.request('localhost', 'GET', '/readyz')).status);
      await wait(20);
    }
  })();
  const flooded = await neighbor(t, service, token);
  await Promise.all([flooding, watching]);
  t.log(`quiet: ${quiet}; 6,000 random hosts: ${flooded}; /readyz answered ${ready.length} times`);
  t.deepEqual(new Set(ready), new Set([200]));
  t.true([...statuses].every((status) => status === 404 || status === 503));
  t.deepEqual(service.bugs, []);
});
