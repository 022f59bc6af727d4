import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import test from 'ava';
import pg from 'pg';

import { start } from '../cli/run.ts';
import { environmentOf, sendRequest, until } from '../helpers/server.ts';
import type { World } from '../helpers/world.ts';
import { openWorldWithUsers, startProcess } from './own-process.ts';
import { account, startWriters, statusOf } from './writers.ts';

let world: World;
test.before(async () => {
  world = await openWorldWithUsers();
});
test.beforeEach(async () => {
  await world.asOwner('truncate acme.notes, globex.notes cascade');
});
test.after.always(() => world?.close());

/** Sends three writes that wait in PostgreSQL until the caller ends `lock`. */
async function startStuck({ port, authors }: Awaited<ReturnType<typeof startProcess>>) {
  const lock = new pg.Client(world.owner);
  await lock.connect();
  await lock.query('begin');
  await lock.query('lock table acme.notes in access exclusive mode');
  const writers = startWriters(port, authors.slice(0, 1), { count: 3, leaves: () => true });
  await until(
    () =>
      world.asOwner(`select pid from pg_stat_activity where usename = $1 and wait_event_type = 'Lock'`, [
        world.service,
      ]),
    (found) => found.length === 3,
  );
  return { lock, writers };
}

const readiness = (port: number) => sendRequest(port, 'acme.localhost', 'GET', '/readyz');

test.serial('completes every request after SIGTERM under load, and exits with 0', async (t) => {
  const main = await startProcess(t, world, { SHUTDOWN_DELAY: '4' });
  // A client that receives `Connection: close` connects to another process.
  const writers = startWriters(main.port, main.authors, {
    count: 8,
    pauseMs: 25,
    leaves: (outcome) => outcome instanceof Error || outcome.headers.connection === 'close',
  });
  await writers.next(201, 40);
  main.child.kill('SIGTERM');
  await writers.left;
  t.is(await main.ended, 0);
  t.deepEqual(
    writers.attempts.filter(({ outcome }) => statusOf(outcome) !== 201),
    [],
  );
  await account(t, world, writers.attempts, 'notes');
  t.is(main.logLines('stopping').length, 1);
  t.deepEqual(main.errors, []);
});

test.serial('completes running requests after SHUTDOWN_DELAY, and rejects new connections', async (t) => {
  // Longer than any test: the process exits because its requests have ended.
  const main = await startProcess(t, world, { SHUTDOWN_GRACE: '600', STATEMENT_TIMEOUT: '60000' });
  const { lock, writers } = await startStuck(main);
  try {
    main.child.kill('SIGTERM');
    const refused = await until(
      () => readiness(main.port).catch((error: NodeJS.ErrnoException) => error.code),
      // Connections that the kernel has accepted already are reset at the close.
      (answer) => answer === 'ECONNREFUSED',
    );
    t.is(refused, 'ECONNREFUSED');
    t.deepEqual(writers.attempts, []);
    await lock.query('rollback');
    await writers.left;
    t.deepEqual(
      writers.attempts.map(({ outcome }) => statusOf(outcome)),
      [201, 201, 201],
    );
    t.is(await main.ended, 0);
    await account(t, world, writers.attempts, 'notes');
    t.deepEqual(main.logLines('requests were aborted'), []);
  } finally {
    await lock.end();
  }
});

test.serial('serves during SHUTDOWN_DELAY without being ready, and exits on a second SIGTERM', async (t) => {
  // Longer than any test: nothing below is caused by this timeout.
  const main = await startProcess(t, world, { SHUTDOWN_DELAY: '300' });
  t.is((await readiness(main.port)).status, 200);
  main.child.kill('SIGTERM');
  const { status, body, headers } = await until(
    () => readiness(main.port),
    (answer) => answer.status !== 200,
  );
  t.deepEqual([status, body.code, headers.connection], [503, 'stopping', 'close']);
  t.regex(String(headers['retry-after']), /^\d+$/);
  t.is((await sendRequest(main.port, 'acme.localhost', 'GET', '/healthz')).status, 200);
  const [author] = main.authors;
  const late = await sendRequest(main.port, 'acme.localhost', 'POST', '/api/notes/', {
    token: author?.token,
    body: { name: 'late' },
    headers: { Connection: 'keep-alive' },
  });
  t.deepEqual([late.status, late.headers.connection], [201, 'close']);
  t.is((await world.asOwner(`select id from acme.notes where name = 'late'`)).length, 1);

  main.child.kill('SIGTERM');
  t.is(await main.ended, 1);
  const [line] = main.logLines('exiting before shutdown is complete');
  t.deepEqual([line?.reason, line?.requests], ['second signal', 0]);
});

test.serial('ends and counts the requests that exceed SHUTDOWN_GRACE, and rolls them back', async (t) => {
  const main = await startProcess(t, world, { SHUTDOWN_GRACE: '1', STATEMENT_TIMEOUT: '60000' });
  const { lock, writers } = await startStuck(main);
  try {
    main.child.kill('SIGTERM');
    await writers.left;
    t.is(await main.ended, 1);
    t.deepEqual(
      main.logLines('requests were aborted').map(({ requests }) => requests),
      [3],
    );
    await lock.query('rollback');
    const gone = await until(
      () => world.asOwner('select pid from pg_stat_activity where usename = $1', [world.service]),
      (found) => found.length === 0,
    );
    t.deepEqual(gone, []);
    t.deepEqual(
      await world.asOwner(`select name from acme.notes where name = any ($1)`, [
        writers.attempts.map(({ name }) => name),
      ]),
      [],
    );
  } finally {
    await lock.end();
  }
});

test.serial('does not wait for connections without a request', async (t) => {
  // Longer than any test: an exit is not caused by this timeout.
  const main = await startProcess(t, world, { SHUTDOWN_GRACE: '600' });
  const idle = connect(main.port, '127.0.0.1');
  idle.write('GET /healthz HTTP/1.1\r\nHost: acme.localhost\r\n\r\n');
  await once(idle, 'data');
  const silent = connect(main.port, '127.0.0.1');
  await once(silent, 'connect');
  const half = connect(main.port, '127.0.0.1');
  half.write('GET /healthz HTTP/1.1\r\nHost: acme.local');
  for (const socket of [idle, silent, half]) {
    socket.on('error', () => {});
  }
  main.child.kill('SIGTERM');
  t.is(await main.ended, 0);
  for (const socket of [idle, silent, half]) {
    socket.destroy();
  }
});

test.serial('exits when it receives SIGTERM before it listens', async (t) => {
  // Accepts connections and sends nothing.
  const database = createServer(() => {}).listen(0, '127.0.0.1');
  await once(database, 'listening');
  const { port } = database.address() as AddressInfo;
  const child = await start('served-main.ts', [], {
    ...environmentOf(world, { CONNECT_TIMEOUT: '60000' }),
    DATABASE_URL: `postgres://app:secret@127.0.0.1:${port}/app`,
  });
  const ended = once(child, 'close');
  const [socket] = await once(database, 'connection');
  child.kill('SIGTERM');
  const [code] = await ended;
  t.is(code, 0);
  socket.destroy();
  database.close();
});
