import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import pg from 'pg';
import { openBlockingConnection } from '../../helpers/attacker.ts';
import { openProxy } from '../../helpers/proxy.ts';
import { hasRedis, startRedis } from '../../helpers/redis.ts';
import { makeUser, PASSWORD, serve, type TestService, until } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

const ACME = 'acme.localhost';
const RATE = 4;

let world: World;
let store: string;
test.before(async () => {
  world = await openWorld({ project });
  await makeUser(world, 'acme', 'ann');
  const client = await openBlockingConnection(world);
  const database = `${new URL(world.ownerUrl).pathname.slice(1)}_throttle`;
  await client.query(`create database ${database}`);
  await client.end();
  store = Object.assign(new URL(world.ownerUrl), { pathname: `/${database}` }).href;
});
test.after.always(async () => {
  const client = await openBlockingConnection(world);
  await client.query(`drop database if exists ${new URL(store).pathname.slice(1)} with (force)`);
  await client.end();
  await world?.close();
});

/** Longer than the default: a machine that runs many tests at the same time is slow. */
async function serveWith(t: ExecutionContext, url: string, timeout = '60000'): Promise<TestService> {
  const service = await serve(world, {
    THROTTLE_STORE: url,
    THROTTLE_STORE_TIMEOUT: timeout,
    THROTTLE_LOGIN: `${RATE}/hour`,
  });
  t.teardown(service.close);
  return service;
}

const guess = (service: TestService, username: string, password = 'a guess') =>
  service.request(ACME, 'POST', '/api/auth/jwt/create/', { body: { username, password } });

const statuses = async (service: TestService, username: string, count: number): Promise<number[]> => {
  const seen: number[] = [];
  for (let at = 0; at < count; at += 1) {
    seen.push((await guess(service, username)).status);
  }
  return seen;
};

async function countTogether(t: ExecutionContext, one: TestService, two: TestService): Promise<void> {
  t.deepEqual(await statuses(one, 'shared', RATE / 2), Array(RATE / 2).fill(401));
  t.deepEqual(await statuses(two, 'shared', RATE / 2), Array(RATE / 2).fill(401));
  t.is((await guess(one, 'shared')).status, 429);
  t.is((await guess(two, 'shared')).status, 429);
  // Through both at the same time: exactly the limit passes.
  const answers = await Promise.all(
    Array.from({ length: 16 }, (_, at) => guess(at % 2 ? one : two, 'guessed')),
  );
  t.is(answers.filter(({ status }) => status === 401).length, RATE);
  // A reset through one applies to both.
  await statuses(one, 'ann', RATE - 1);
  t.is((await guess(two, 'ann', PASSWORD)).status, 200);
  t.deepEqual(await statuses(one, 'ann', RATE), Array(RATE).fill(401));
}

/** Asserts that attempts are served and counted in memory, from zero. */
async function assertCountsInMemory(
  t: ExecutionContext,
  service: TestService,
  username: string,
): Promise<void> {
  t.deepEqual(await statuses(service, username, RATE + 1), [...Array(RATE).fill(401), 429]);
  t.is((await guess(service, 'ann', PASSWORD)).status, 200);
  t.deepEqual(service.bugs, []);
}

test('two services that share a PostgreSQL store share their counters', async (t) => {
  // Started at the same time: the second one may find a partly created table.
  const [one, two] = await Promise.all([serveWith(t, store), serveWith(t, store)]);
  await countTogether(t, one, two);
});

test('rows in the PostgreSQL store contain neither user names nor tenant names', async (t) => {
  const service = await serveWith(t, store);
  await guess(service, 'somebody-by-name');
  const client = new pg.Client({ connectionString: store });
  await client.connect();
  const { rows } = await client.query('select * from koa_tenants_throttle');
  await client.end();
  t.true(rows.length > 0);
  t.notRegex(JSON.stringify(rows), new RegExp(`somebody-by-name|127\\.0\\.0\\.1|${world.acme.id}`));
});

test('counts in memory after its PostgreSQL store has failed', async (t) => {
  const proxy = await openProxy(store);
  t.teardown(proxy.close);
  const service = await serveWith(t, proxy.through(store));
  t.is((await guess(service, 'before')).status, 401);
  await proxy.cut();
  await assertCountsInMemory(t, service, 'after');
  t.true(service.warnings.some((warning) => warning.includes('THROTTLE_STORE')));
  await proxy.restore();
  t.is((await guess(service, 'again')).status, 401);
});

test('does not wait for a PostgreSQL store that no longer responds', async (t) => {
  const proxy = await openProxy(store);
  t.teardown(proxy.close);
  const service = await serveWith(t, proxy.through(store), '4000');
  t.is((await guess(service, 'before-silence')).status, 401);
  proxy.swallow();
  // The helper aborts a request after 60 seconds.
  t.deepEqual(await statuses(service, 'in-silence', 2), [401, 401]);
});

// Serial: it blocks the store of the other tests.
test.serial('leaves no statement behind that waits in a PostgreSQL store', async (t) => {
  const service = await serveWith(t, store, '5000');
  t.is((await guess(service, 'before-lock')).status, 401);
  const client = new pg.Client({ connectionString: store });
  await client.connect();
  t.teardown(() => client.end());
  const waiting = async (): Promise<number> => {
    const { rows } = await client.query<{ count: number }>(
      `select count(*)::integer as count
       from pg_stat_activity
       where datname = current_database() and application_name = 'koa-tenants throttle' and wait_event_type = 'Lock'`,
    );
    return rows[0]?.count ?? 0;
  };
  await client.query('begin; lock table koa_tenants_throttle');
  t.is((await guess(service, 'in-lock')).status, 401);
  t.is(await until(waiting, (count) => count === 0), 0);
  await client.query('rollback');
  t.deepEqual(service.bugs, []);
});

test('does not start with an unusable PostgreSQL store, and prints no password', async (t) => {
  const url = Object.assign(new URL(store), { password: 'very secret', port: '1' }).href;
  const error = await t.throwsAsync(serve(world, { THROTTLE_STORE: url }));
  t.false(String(error?.message).includes('secret'));
});

const withRedis = hasRedis
  ? (title: string, run: (t: ExecutionContext) => Promise<void>) => test(title, run)
  : (title: string, _run: unknown) =>
      // Reported as a failure in CI, which must have Redis.
      test(`not tested, redis-server is not installed: ${title}`, (t) => t.pass());

/** The connection is made after the start; attempts before it are counted in memory. */
const waitUntilCounted = (url: string, service: TestService) =>
  until(async () => {
    const client = new Redis(url);
    await client.flushall();
    await guess(service, 'warm-up');
    const counted = await client.dbsize();
    client.disconnect();
    return counted;
  }, Boolean);

withRedis('two services that share a Redis count together', async (t) => {
  const redis = await startRedis();
  t.teardown(redis.stop);
  const [one, two] = [await serveWith(t, redis.url), await serveWith(t, redis.url)];
  for (const service of [one, two]) {
    await waitUntilCounted(redis.url, service);
  }
  t.deepEqual(
    two.warnings.filter((warning) => warning.includes('THROTTLE_STORE')),
    [],
  );
  await countTogether(t, one, two);
});

withRedis('when its Redis dies a service counts in memory, and goes on', async (t) => {
  const redis = await startRedis();
  t.teardown(redis.stop);
  const service = await serveWith(t, redis.url);
  await waitUntilCounted(redis.url, service);
  await redis.stop();
  await assertCountsInMemory(t, service, 'orphaned');
});

withRedis('does not wait for a Redis that no longer responds', async (t) => {
  const redis = await startRedis();
  t.teardown(redis.stop);
  const proxy = await openProxy(redis.url);
  t.teardown(proxy.close);
  const service = await serveWith(t, proxy.through(redis.url), '1000');
  await waitUntilCounted(redis.url, service);
  proxy.swallow();
  t.deepEqual(await statuses(service, 'in-silence', 2), [401, 401]);
});
