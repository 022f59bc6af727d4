import { setTimeout as wait } from 'node:timers/promises';
import test from 'ava';

import { run, startMain } from '../cli/run.ts';
import { freePort } from '../helpers/free-port.ts';
import { scrape } from '../helpers/scrape.ts';
import { environmentOf, sendRequest, serve, until } from '../helpers/server.ts';
import type { World } from '../helpers/world.ts';
import { type OwnProcess, openWorldWithUsers, startProcess } from './own-process.ts';
import { account, startWriters, statusOf } from './writers.ts';

let world: World;
test.before(async () => {
  world = await openWorldWithUsers();
});
// The stored rows are compared with the responses.
test.beforeEach(() => world.asOwner('delete from acme.notes; delete from globex.notes'));
test.after.always(() => world?.close());

/** The processes that start meanwhile need the CPU. */
const PAUSE_MS = 60;
const TWO = { WEB_CONCURRENCY: '2' };
const pids = (main: Pick<OwnProcess, 'logLines'>): number[] =>
  main.logLines('listening').map(({ pid }) => Number(pid));
const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
/** Their lines have no common order. */
const waitForWorkers = (main: OwnProcess) =>
  until(
    async () => main.logLines('all workers are listening').length > 0 && pids(main).length >= 2,
    Boolean,
    60_000,
  );

const teardowns: Array<() => unknown> = [];
const teardown = (end: () => unknown): void => void teardowns.push(end);

/** The service that three of the tests use one after the other. The last one ends it. */
let shared: Promise<OwnProcess> | undefined;
function openShared(): Promise<OwnProcess> {
  shared ??= startProcess({ teardown }, world, TWO).then(async (main) => {
    await waitForWorkers(main);
    return main;
  });
  return shared;
}
test.after.always(() => Promise.all(teardowns.map((end) => end())));

/** The service of the next two tests, with metrics on `metricsPort`. The second one ends it. */
let measured: Promise<OwnProcess> | undefined;
let metricsPort: number;
test.before(async () => {
  metricsPort = await freePort();
});
function openMeasured(): Promise<OwnProcess> {
  const settings = { ...TWO, METRICS_PORT: String(metricsPort), SHUTDOWN_DELAY: '4' };
  measured ??= startProcess({ teardown }, world, settings).then(async (main) => {
    await waitForWorkers(main);
    return main;
  });
  return measured;
}

test.serial('sums the metrics of all processes on one port while processes start and end', async (t) => {
  const scrapes = { on: true, answered: 0 };
  // Starts before the first worker listens: a scrape must not end a worker.
  const scraping = (async () => {
    while (scrapes.on) {
      scrapes.answered += await scrape(metricsPort).then(
        () => 1,
        () => 0,
      );
      await wait(150);
    }
  })();
  const main = await openMeasured();
  t.is(pids(main).length, 2, 'no scrape ended a worker');
  for (let at = 0; at < 40; at += 1) {
    await sendRequest(main.port, 'acme.localhost', 'GET', '/no/such/path/');
  }
  const { total } = await until(
    () => scrape(metricsPort),
    (found) => found.total('koa_tenants_invalidation_listener_connected') === 1,
  );
  t.is(total('koa_tenants_http_requests_total', { route: '(none)', status: '4xx' }), 40);
  t.is(total('koa_tenants_database_ready'), 1);
  t.is(total('koa_tenants_lane_size'), 8, 'connections of both');
  t.is(total('koa_tenants_tenants'), 3, 'tenants once');
  scrapes.on = false;
  await scraping;
  t.true(scrapes.answered > 0);
});

test.serial(
  'serves one port from several processes, and stops all of them without cutting a request',
  async (t) => {
    const main = await openMeasured();
    t.is(new Set(pids(main)).size, 2);
    const writers = startWriters(main.port, main.authors, {
      count: 8,
      pauseMs: PAUSE_MS,
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
    t.false(pids(main).some(lives));
  },
);

test.serial('replaces every process on SIGHUP under load without losing a request', async (t) => {
  const main = await openShared();
  const old = pids(main);
  const writers = startWriters(main.port, main.authors, { count: 8, pauseMs: PAUSE_MS });
  await writers.next(201, 20);
  main.child.kill('SIGHUP');
  await until(
    async () => main.logLines('all workers were replaced'),
    (lines) => lines.length > 0,
    60_000,
  );
  await writers.next(201, 20);
  await writers.stop();
  t.deepEqual(
    writers.attempts.filter(({ outcome }) => statusOf(outcome) !== 201),
    [],
  );
  await account(t, world, writers.attempts, 'notes');
  // The lines of the processes have no common order.
  const all = await until(
    async () => pids(main),
    (found) => found.length >= 4,
  );
  t.deepEqual(all.slice(0, 2), old);
  t.is(new Set(all).size, 4);
  const left = await until(
    async () => old.filter(lives),
    (found) => found.length === 0,
  );
  t.deepEqual(left, []);
});

test.serial('restarts a worker that died while the others serve', async (t) => {
  const main = await openShared();
  const before = pids(main);
  const [victim = 0] = before.filter(lives);
  process.kill(victim, 'SIGKILL');
  // Until the primary process knows it, a new connection may go to the dead worker: docs/operations.md.
  await until(
    async () => main.logLines('a worker exited unexpectedly'),
    (lines) => lines.length > 0,
    60_000,
  );
  t.is((await sendRequest(main.port, 'acme.localhost', 'GET', '/readyz')).status, 200);
  const listened = await until(
    async () => pids(main),
    (found) => found.length === before.length + 1,
    60_000,
  );
  t.is(new Set(listened).size, listened.length);
  t.deepEqual(
    main.logLines('a worker exited unexpectedly').map(({ pid, signal }) => [pid, signal]),
    [[victim, 'SIGKILL']],
  );
});

test.serial('ends every worker when the first process ends', async (t) => {
  const main = await openShared();
  t.is(pids(main).filter(lives).length, 2);
  main.child.kill('SIGKILL');
  const left = await until(
    async () => pids(main).filter(lives),
    (found) => found.length === 0,
    60_000,
  );
  t.deepEqual(left, []);
});

test.serial('completes every request when a signal reaches the whole process group', async (t) => {
  const main = await startProcess(t, world, { ...TWO, SHUTDOWN_DELAY: '300' });
  await waitForWorkers(main);
  for (const pid of [...pids(main), main.child.pid ?? 0]) {
    process.kill(pid, 'SIGINT');
  }
  const { status } = await until(
    () => sendRequest(main.port, 'acme.localhost', 'GET', '/readyz'),
    (answer) => answer.status !== 200,
  );
  t.is(status, 503);
  t.is((await sendRequest(main.port, 'acme.localhost', 'GET', '/healthz')).status, 200);
  t.deepEqual(main.logLines('exiting before shutdown is complete'), []);
  main.child.kill('SIGINT');
  t.is(await main.ended, 1);
});

for (const [what, overrides, code, says] of [
  ['a faulty environment', { APP_SECRET: 'short' }, 2, /APP_SECRET must have at least/],
  [
    'a key that the database does not know',
    { TENANCY_KEYS: 'other:8Qz3vT1mXc7RbW5yKd2NfH9pLs4GjA6u' },
    1,
    /TENANCY_KEYS/,
  ],
] as const) {
  test.serial(`reports ${what} once, with one exit code`, async (t) => {
    const { code: ended, err } = await run(
      'served-main.ts',
      [],
      environmentOf(world, { ...TWO, ...overrides }),
    );
    t.is(ended, code);
    t.is(err.match(new RegExp(says.source, 'g'))?.length, 1, err);
  });
}

test.serial(
  'stops all processes when a check has a finding while they serve, and then does not start',
  async (t) => {
    const env = environmentOf(world, { START_CHECK_TENANTS: '0' });
    const finding = /table acme\.notes has no row-level security\. Fix: /;
    const isStored = async () =>
      (await world.asOwner('select from tenancy.installation where fleet_check is not null')).length === 1;
    // A first start runs the checks before it listens, and stores that they had no finding.
    const first = await serve(world, { START_CHECK_TENANTS: '0' });
    await first.close();
    t.true(await isStored());

    await world.asOwner('alter table acme.notes disable row level security');
    try {
      const serving = await startMain({ ...env, ...TWO });
      t.is(await serving.ended, 3);
      t.regex(serving.errors.join('\n'), finding);
      t.false(await isStored());

      const { code, err, out } = await run('served-main.ts', [], env);
      t.is(code, 1);
      t.regex(err, finding);
      t.notRegex(out, /listening/);
    } finally {
      await world.asOwner('alter table acme.notes enable row level security');
    }
  },
);
