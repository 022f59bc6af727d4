import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';

import { PASSWORD, sendRequest, serve, type TestService, until } from '../helpers/server.ts';
import type { World } from '../helpers/world.ts';
import { openWorldWithUsers, startProcess } from './own-process.ts';
import type { Author } from './writers.ts';

let world: World;
test.before(async () => {
  world = await openWorldWithUsers();
});
test.after.always(() => world?.close());

/** A connection of this test, with what it has received. */
async function openSocket(t: ExecutionContext, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** A connection that is idle after one request. */
async function openIdle(t: ExecutionContext, port: number): Promise<Socket> {
  const socket = await openSocket(t, port);
  socket.write('GET /healthz HTTP/1.1\r\nHost: acme.localhost\r\n\r\n');
  const [answer] = await once(socket, 'data');
  t.regex(String(answer), /^HTTP\/1.1 200 /);
  return socket;
}

const notesOf = (port: number, { host, token }: Pick<Author, 'host' | 'token'>) =>
  sendRequest(port, host, 'GET', '/api/notes/', { token });

/** Opens the service in this process, with a logged-in user of globex. */
async function open(
  t: ExecutionContext,
  overrides: Readonly<Record<string, string>>,
): Promise<{ service: TestService; hank: Pick<Author, 'host' | 'token'> }> {
  const service = await serve(world, overrides);
  t.teardown(service.close);
  const host = 'globex.localhost';
  return { service, hank: { host, token: await service.logIn(host, 'hank', PASSWORD) } };
}

test.serial('serves other clients while 10,000 connections are idle', async (t) => {
  const { stdout } = await promisify(execFile)('sh', ['-c', 'ulimit -n']);
  // Each is an open file of this process and of the service, which have others too.
  const count = Math.min(10_000, (Number(stdout) || 1_000_000) - 500);
  if (count < 10_000) {
    t.log(`ulimit -n is ${stdout.trim()}: ${count} connections.`);
  }
  const main = await startProcess(t, world, {
    // A part is kept free: docs/limits.md.
    MAX_CONNECTIONS: String(count + 1_000),
    MAX_CONNECTIONS_PER_ADDRESS: String(count + 1_000),
    KEEP_ALIVE_TIMEOUT: '600',
  });
  const idle: Socket[] = [];
  while (idle.length < count) {
    const batch = Array.from({ length: Math.min(250, count - idle.length) }, () => openIdle(t, main.port));
    idle.push(...(await Promise.all(batch)));
  }
  for (let round = 0; round < 20; round += 1) {
    t.is((await notesOf(main.port, main.authors[1])).status, 200);
  }
  t.is(idle.filter(({ destroyed }) => !destroyed).length, count);
  main.child.kill('SIGTERM');
  t.is(await main.ended, 0);
});

test.serial('closes idle connections when there are too many', async (t) => {
  const { service, hank } = await open(t, { MAX_CONNECTIONS: '50', KEEP_ALIVE_TIMEOUT: '600' });
  const idle: Socket[] = [];
  while (idle.length < 60) {
    idle.push(await openIdle(t, service.port));
  }
  for (let round = 0; round < 20; round += 1) {
    t.is((await notesOf(service.port, hank)).status, 200);
  }
  const closed = (): number => idle.filter(({ destroyed }) => destroyed).length;
  // A tenth of the limit is kept free, and the oldest go first.
  await until(
    async () => closed(),
    (count) => count >= 15,
  );
  t.true(closed() >= 15 && closed() <= 20, String(closed()));
  t.true(idle.slice(0, 15).every(({ destroyed }) => destroyed));
});

/** Writes a byte of `text` every 100 ms, and repeats the last one. */
function writeSlowly(socket: Socket, text: string): void {
  let at = 0;
  const timer = setInterval(() => {
    socket.write(text[Math.min(at, text.length - 1)] ?? '');
    at += 1;
  }, 100);
  socket.once('close', () => clearInterval(timer));
}

test.serial(
  'closes connections of clients that send byte by byte or never read, and serves the others',
  async (t) => {
    await world.asOwner(
      `insert into acme.notes (name, description) select 'long ' || n, repeat('x', 20000) from generate_series(1, 100) as n`,
    );
    const [victim] = await world.asOwner<{ id: string }>(`select min(id) as id from acme.notes`);
    const { service, hank } = await open(t, { REQUEST_TIMEOUT: '5' });
    const host = 'acme.localhost';
    const token = await service.logIn(host, 'alice', PASSWORD);
    const head = (method: string, path: string) =>
      `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n`;
    const slow = await Promise.all(Array.from({ length: 90 }, () => openSocket(t, service.port)));
    for (const [index, socket] of slow.entries()) {
      if (index % 3 === 0) {
        writeSlowly(socket, `${head('GET', '/api/notes/')}X-Filler: ${'x'.repeat(100)}`);
      } else if (index % 3 === 1) {
        // A request without the end of its body, which this method does not read.
        socket.write(
          `${head('DELETE', `/api/notes/${victim?.id}/`)}Content-Type: application/json\r\nContent-Length: 9999\r\n\r\n`,
        );
        writeSlowly(socket, ' ');
      } else if (index < 15) {
        socket.pause();
        const timer = setInterval(() => {
          socket.write(`${head('GET', '/api/notes/?page_size=100')}\r\n`);
        }, 20);
        socket.once('close', () => clearInterval(timer));
      } else {
        // Sends nothing.
        socket.resume();
      }
    }
    await until(
      async () => {
        t.is((await notesOf(service.port, hank)).status, 200);
        return slow.every(({ destroyed }) => destroyed);
      },
      (all) => all,
      60_000,
    );
    t.deepEqual(
      slow.flatMap(({ destroyed }, index) => (destroyed ? [] : [index])),
      [],
    );
    const [left] = await world.asOwner('select id from acme.notes where id = $1', [victim?.id]);
    t.truthy(left);
    t.deepEqual(service.bugs, []);
  },
);
