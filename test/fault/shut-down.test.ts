import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import test from 'ava';
import pg from 'pg';

import { startMain, start as startProgram } from '../cli/run.ts';
import { ask, environmentOf, logInAt, makeUser, until } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { type Author, account, startWriters, statusOf } from './writers.ts';

let world: World;
test.before(async () => {
  world = await openWorld();
  await makeUser(world, 'acme', 'alice');
  await makeUser(world, 'globex', 'hank');
});
test.after.always(() => world?.close());

type Main = Awaited<ReturnType<typeof startMain>>;

/** The service in a process of its own, and somebody of each tenant who is logged in. */
async function start(overrides: Record<string, string>): Promise<Main & { authors: Author[] }> {
  const main = await startMain(environmentOf(world, overrides));
  const author = async (schema: string, username: string): Promise<Author> => {
    const host = `${schema}.localhost`;
    return { schema, host, token: await logInAt(main.port, host, username) };
  };
  return { ...main, authors: [await author('acme', 'alice'), await author('globex', 'hank')] };
}

/** What the log says under one message. */
const said = ({ lines }: Pick<Main, 'lines'>, message: string) =>
  lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === message);

const readiness = (port: number) => ask(port, 'acme.localhost', 'GET', '/readyz');

test.serial('SIGTERM under load cuts no request, and the exit code is 0', async (t) => {
  const main = await start({ SHUTDOWN_DELAY: '2' });
  // Whoever is told that its connection ends goes to another process.
  const writers = startWriters(main.port, main.authors, {
    count: 8,
    leaves: (outcome) => outcome instanceof Error || outcome.headers.connection === 'close',
  });
  await writers.succeeded(40);
  main.child.kill('SIGTERM');
  await writers.left;
  t.is(await main.ended, 0);
  t.deepEqual(
    writers.attempts.filter(({ outcome }) => statusOf(outcome) !== 201),
    [],
  );
  await account(t, world, writers.attempts);
  t.is(said(main, 'stopping').length, 1);
  t.deepEqual(main.errors, []);
});

test.serial(
  'while it drains a process is not ready and still serves; a second SIGTERM ends it',
  async (t) => {
    // Longer than any test: nothing below happens because it is over.
    const main = await start({ SHUTDOWN_DELAY: '300' });
    t.is((await readiness(main.port)).status, 200);
    main.child.kill('SIGTERM');
    const { status, body, headers } = await until(
      () => readiness(main.port),
      (answer) => answer.status !== 200,
    );
    t.deepEqual([status, body.code, headers.connection], [503, 'stopping', 'close']);
    t.regex(String(headers['retry-after']), /^\d+$/);
    t.is((await ask(main.port, 'acme.localhost', 'GET', '/healthz')).status, 200);
    const [author] = main.authors;
    const late = await ask(main.port, 'acme.localhost', 'POST', '/api/projects/', {
      token: author?.token,
      body: { name: 'late' },
      headers: { Connection: 'keep-alive' },
    });
    t.deepEqual([late.status, late.headers.connection], [201, 'close']);
    t.is((await world.asOwner(`select id from acme.projects where name = 'late'`)).length, 1);
    await world.asOwner(`delete from acme.projects where name = 'late'`);

    main.child.kill('SIGTERM');
    t.is(await main.ended, 1);
    const [line] = said(main, 'stopped hard');
    t.deepEqual([line?.reason, line?.requests], ['a second signal', 0]);
  },
);

test.serial('what is not answered when the grace is over is cut, counted, and saved nothing', async (t) => {
  const main = await start({ SHUTDOWN_GRACE: '1', STATEMENT_TIMEOUT: '60000' });
  const lock = new pg.Client(world.owner);
  await lock.connect();
  try {
    await lock.query('begin');
    await lock.query('lock table acme.projects in access exclusive mode');
    const writers = startWriters(main.port, main.authors.slice(0, 1), { count: 3, leaves: () => true });
    await until(
      () =>
        world.asOwner(`select pid from pg_stat_activity where usename = $1 and wait_event_type = 'Lock'`, [
          world.service,
        ]),
      (found) => found.length === 3,
    );
    main.child.kill('SIGTERM');
    await writers.left;
    t.is(await main.ended, 1);
    t.deepEqual(
      said(main, 'requests were cut').map(({ requests }) => requests),
      [3],
    );
    await lock.query('rollback');
    const gone = await until(
      () => world.asOwner('select pid from pg_stat_activity where usename = $1', [world.service]),
      (found) => found.length === 0,
    );
    t.deepEqual(gone, []);
    t.deepEqual(
      await world.asOwner(`select name from acme.projects where name = any ($1)`, [
        writers.attempts.map(({ name }) => name),
      ]),
      [],
    );
  } finally {
    await lock.end();
  }
});

test.serial('connections without a request hold nothing up', async (t) => {
  // Longer than any test: an exit is not by its end.
  const main = await start({ SHUTDOWN_GRACE: '600' });
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

test.serial('a process that is told to stop before it listens stops', async (t) => {
  // Takes connections and never says a word.
  const database = createServer(() => {}).listen(0, '127.0.0.1');
  await once(database, 'listening');
  const { port } = database.address() as AddressInfo;
  const child = await startProgram('main.ts', [], {
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
