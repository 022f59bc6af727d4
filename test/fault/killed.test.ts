import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';

import { sendRequest, until } from '../helpers/server.ts';
import type { World } from '../helpers/world.ts';
import { type OwnProcess, openWorldWithUsers, startProcess } from './own-process.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { account, startWriters, statusOf, type Writers } from './writers.ts';

let server: OwnServer;
let world: World;
test.before(async () => {
  server = await startOwnServer(await mkdtemp(join(tmpdir(), 'koa-tenants-killed-')));
  world = await openWorldWithUsers({ server: server.url });
});
test.beforeEach(async () => {
  await world.asOwner('truncate acme.notes, globex.notes cascade');
});
test.after.always(async () => {
  await world?.close();
  await server?.close();
});

test.serial('keeps every confirmed row when the service is killed during 1,000 writes', async (t) => {
  const all: Writers['attempts'][number][] = [];
  while (all.length < 1_000) {
    const main = await startProcess(t, world);
    const writers = startWriters(main.port, main.authors, {
      count: 8,
      leaves: (outcome) => outcome instanceof Error,
    });
    await writers.next(201, 500);
    main.child.kill('SIGKILL');
    await writers.left;
    t.is(await main.ended, null);
    all.push(...writers.attempts);
  }
  t.true(all.some(({ outcome }) => outcome instanceof Error));
  t.true(all.filter(({ outcome }) => statusOf(outcome) === 201).length >= 750);
  await account(t, world, all, 'notes');
});

/** Asserts what every response must meet while PostgreSQL stops and starts. */
async function held(t: ExecutionContext, main: OwnProcess, { attempts }: Writers): Promise<void> {
  for (const { name, outcome } of attempts) {
    if (outcome instanceof Error) {
      t.fail(`${name} had no answer: ${outcome.message}`);
    } else if (outcome.status === 504) {
      t.is(outcome.body.code, 'outcome_unknown', outcome.text);
    } else if (outcome.status !== 201) {
      t.deepEqual([outcome.status, outcome.body.code], [503, 'database_unavailable'], outcome.text);
      t.regex(String(outcome.headers['retry-after']), /^\d+$/);
    }
  }
  await account(t, world, attempts, 'notes');
  t.is(main.child.exitCode, null);
  t.deepEqual(main.logLines('bug'), []);
}

/** The service of the next two tests. The second one ends it. */
let shared: OwnProcess;
const teardowns: Array<() => unknown> = [];
test.after.always(() => Promise.all(teardowns.map((end) => end())));

const readiness = async ({ port }: OwnProcess): Promise<number> =>
  (await sendRequest(port, 'acme.localhost', 'GET', '/readyz')).status;
/** The result is cached for a second. */
const becomes = (main: OwnProcess, status: number): Promise<number> =>
  until(
    () => readiness(main),
    (found) => found === status,
  );

test.serial(
  'returns 503 without hanging when PostgreSQL is killed under load, and recovers when it is back',
  async (t) => {
    shared = await startProcess({ teardown: (end) => void teardowns.push(end) }, world, {
      CONNECT_TIMEOUT: '1000',
    });
    const main = shared;
    const writers = startWriters(main.port, main.authors, { count: 8 });
    await writers.next(201, 50);
    await server.kill();
    await writers.next(503, 20);
    t.is(await becomes(main, 503), 503);
    t.is((await sendRequest(main.port, 'acme.localhost', 'GET', '/healthz')).status, 200);
    await server.restart();
    await writers.next(201, 50);
    t.is(await becomes(main, 200), 200);
    await writers.stop();
    await held(t, main, writers);
  },
);

test.serial(
  'loses no row when one backend is killed under load and PostgreSQL restarts all of them',
  async (t) => {
    const main = shared;
    const writers = startWriters(main.port, main.authors, { count: 8 });
    await writers.next(201, 50);
    const [backend] = await world.asOwner<{ pid: number }>(
      // A lane's connection has the name of the lane while it is idle, and that of the tenant in a transaction.
      `select pid from pg_stat_activity
     where usename = $1 and application_name ~ '^koa-tenants (lane|acme|globex)' limit 1`,
      [world.service],
    );
    t.truthy(backend);
    process.kill(Number(backend?.pid), 'SIGKILL');
    await writers.next(503);
    await writers.next(201, 50);
    await writers.stop();
    await held(t, main, writers);
    main.child.kill('SIGTERM');
    t.is(await main.ended, 0);
  },
);
