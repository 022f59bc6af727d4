import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { StatementCancelledError, StatementTimeoutError, sql } from 'slonik';
import { z } from 'zod';

import { DomainError } from '../../src/errors.ts';
import { createConcurrencyLimiter } from '../../src/tenancy/context/concurrency-limiter.ts';
import {
  type TenantDatabase,
  type TenantTransaction,
  withTenant,
} from '../../src/tenancy/context/with-tenant.ts';
import { openProxy } from '../helpers/proxy.ts';
import { until } from '../helpers/until.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { openTappedPool } from '../isolation/tapped-pool.ts';

let world: World;
test.before(async () => {
  world = await openWorld();
  await world.asOwner('grant execute on function pg_catalog.pg_sleep(double precision) to public');
  // Like a pattern match over a large text: neither a cancel request nor a disconnect ends it.
  await world.asOwner(`
    create function acme.stubborn(seconds double precision) returns boolean language plpgsql as $$
    declare
      v_end constant timestamptz := clock_timestamp() + make_interval(secs => seconds);
    begin
      while clock_timestamp() < v_end loop
        begin
          perform pg_sleep(extract(epoch from v_end - clock_timestamp()));
        exception when query_canceled then
          null;
        end;
      end loop;
      return true;
    end $$`);
  // As above, until no session has the lock.
  await world.asOwner('grant execute on function pg_catalog.pg_advisory_xact_lock_shared(bigint) to public');
  await world.asOwner(`
    create function acme.wait_for_lock(key bigint) returns boolean language plpgsql as $$
    begin
      loop
        begin
          perform pg_advisory_xact_lock_shared(key);
          return true;
        exception when query_canceled then
          null;
        end;
      end loop;
    end $$`);
  await world.asOwner('create table acme.jottings (text text not null)');
  await world.asOwner(`select tenancy.protect_schema('acme')`);
});
test.after.always(() => world?.close());

/** Long enough for a query of a slow machine that runs many tests. */
const QUERY_TIMEOUT_MS = 4_000;

type Options = { rewrite?: (text: string) => string; queryTimeout?: number; resultBytes?: number };

/** Runs work in acme, on a pool of one connection. */
async function inside(
  t: ExecutionContext,
  { rewrite, queryTimeout = QUERY_TIMEOUT_MS, resultBytes }: Options = {},
) {
  const { pool, clients } = await openTappedPool(world, { queryTimeout, ...(rewrite ? { rewrite } : {}) });
  t.teardown(() => pool.end());
  const tenantDatabase: TenantDatabase = { ...world.tenantDatabase, poolOf: () => pool, statementTimeout: 0 };
  const limits =
    resultBytes === undefined
      ? undefined
      : { statementTimeout: 0, idleTimeout: 0, concurrency: null, resultBytes };
  return {
    pool,
    tenantDatabase,
    clients,
    run: <T>(work: (tx: TenantTransaction) => Promise<T>) =>
      withTenant(tenantDatabase, { tenant: world.acme.id, readOnly: false, limits }, work),
  };
}

const pid = (tx: TenantTransaction): Promise<number> =>
  tx.oneFirst(sql.type(z.object({ pid: z.number() }))`select pg_backend_pid() as pid`);

const isActive = async (backend: number): Promise<boolean> =>
  (await world.asOwner(`select from pg_stat_activity where pid = $1 and state = 'active'`, [backend]))
    .length > 0;

const aborted = { instanceOf: DomainError, code: 'transaction_aborted' } as never;

test('closes a connection on which a cancel was sent', async (t) => {
  const { run } = await inside(t);
  const first = await run(pid);
  await t.throwsAsync(
    run((tx) => tx.query(sql.unsafe`select pg_sleep(60)`)),
    { instanceOf: StatementTimeoutError },
  );
  t.not(await run(pid), first);
});

test('closes a connection whose statement ended well before the cancel arrived, and saves nothing', async (t) => {
  const { run } = await inside(t);
  const first = await run(pid);
  await t.throwsAsync(
    run(async (tx) => {
      await tx.query(sql.unsafe`insert into jottings (text) values ('after a cancel')`);
      await tx.query(sql.unsafe`select stubborn(6)`);
    }),
    { instanceOf: StatementTimeoutError },
  );
  t.not(await run(pid), first);
  t.deepEqual(await world.asOwner(`select from acme.jottings where text = 'after a cancel'`), []);
});

test('keeps a connection whose statement PostgreSQL itself ended', async (t) => {
  const { tenantDatabase } = await inside(t, { queryTimeout: 10_000 });
  const enter = { tenant: world.acme.id, readOnly: true };
  const first = await withTenant(tenantDatabase, enter, pid);
  await t.throwsAsync(
    withTenant({ ...tenantDatabase, statementTimeout: 100 }, enter, (tx) =>
      tx.query(sql.unsafe`select pg_sleep(60)`),
    ),
    { instanceOf: StatementTimeoutError },
  );
  t.is(await withTenant(tenantDatabase, enter, pid), first);
});

test('closes a connection whose ROLLBACK failed, and reports the error of the handler', async (t) => {
  const { run, clients } = await inside(t, {
    rewrite: (text) => (text === 'rollback' ? 'select 1 / 0' : text),
  });
  await run(pid);
  await t.throwsAsync(
    run(async (tx) => {
      await tx.query(sql.unsafe`select 1`);
      throw new Error('on purpose');
    }),
    { message: 'on purpose' },
  );
  await run(pid);
  t.is(clients.length, 2);
});

test('closes a connection whose ROLLBACK was canceled', async (t) => {
  const { run, clients } = await inside(t, {
    rewrite: (text) => (text === 'rollback' ? 'select pg_sleep(60)' : text),
  });
  const first = await run(pid);
  await t.throwsAsync(
    run(async (tx) => {
      await tx.query(sql.unsafe`select 1`);
      throw new Error('on purpose');
    }),
    { message: 'on purpose' },
  );
  t.not(await run(pid), first);
  t.is(clients.length, 2);
});

test('closes a connection that could not be reset after a failed COMMIT', async (t) => {
  const { run, clients } = await inside(t, {
    rewrite: (text) =>
      text === 'commit' ? 'select 1 / 0' : text.startsWith('close all') ? 'rollback; select 1 / 0' : text,
  });
  await t.throwsAsync(run(pid), { message: /division by zero/ });
  await t.throwsAsync(run(pid), { message: /division by zero/ });
  t.is(clients.length, 2);
});

test('reports a cancel by an operator as such', async (t) => {
  const { run } = await inside(t, { queryTimeout: 60_000 });
  const cancelled = run(async (tx) => {
    await pid(tx);
    await tx.query(sql.unsafe`select pg_sleep(61)`);
  });
  const find = () =>
    world.asOwner<{ pid: number }>(
      `select pid from pg_stat_activity
       where datname = current_database() and state = 'active' and query like '%pg_sleep(61)%' and pid <> pg_backend_pid()`,
    );
  const [sleeping] = await until(find, (found) => found.length > 0);
  await world.asOwner('select pg_cancel_backend($1)', [sleeping?.pid]);
  await t.throwsAsync(cancelled, { instanceOf: StatementCancelledError });
});

test('fails a statement that PostgreSQL cannot interrupt, and holds its concurrency slots until the backend has finished', async (t) => {
  const { tenantDatabase } = await inside(t);
  const concurrencyLimiter = createConcurrencyLimiter({ limit: 1, timeoutMs: 60_000 });
  const limited = { ...tenantDatabase, concurrencyLimiter };
  const enter = { tenant: world.acme.id, readOnly: true };
  const holder = await world.ownBackend();
  await world.asOwner(
    `grant execute on function pg_catalog.pg_advisory_lock(bigint), pg_catalog.pg_advisory_unlock(bigint) to ${world.service}`,
  );
  await holder.query('select pg_advisory_lock(7)');
  let backend = 0;
  await t.throwsAsync(
    withTenant(limited, enter, async (tx) => {
      backend = await pid(tx);
      await tx.query(sql.unsafe`select wait_for_lock(7)`);
    }),
    { instanceOf: StatementTimeoutError },
  );
  t.true(await isActive(backend), 'the request has ended, and the backend has not');

  // Past the concurrency limit: the connection of the pool is held, too.
  const places = [
    withTenant(limited, enter, () => isActive(backend)),
    withTenant(tenantDatabase, enter, () => isActive(backend)),
  ];
  let entered = 0;
  for (const place of places) {
    void place.then(() => {
      entered += 1;
    });
  }
  // Longer than the time between two checks of the backend.
  await sleep(1_500);
  t.is(entered, 0);
  await holder.query('select pg_advisory_unlock(7)');
  t.deepEqual(await Promise.all(places), [false, false]);
});

test('frees the concurrency slots of a connection that does not respond when the server has no transaction of it', async (t) => {
  const proxy = await openProxy(world.serviceUrl);
  const checked: number[] = [];
  const pool = await world.openPool({
    maxPoolSize: 1,
    queryTimeout: QUERY_TIMEOUT_MS,
    connection: { connectionString: proxy.through(world.serviceUrl) },
    isWorking: async (backend) => {
      checked.push(backend);
      if (checked.length === 1) {
        throw new Error('unknown');
      }
      return false;
    },
  });
  t.teardown(async () => {
    await pool.end();
    await proxy.close();
  });
  const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool, statementTimeout: 0 };
  const enter = { tenant: world.acme.id, readOnly: true };
  let backend = 0;
  await t.throwsAsync(
    withTenant(tenantDatabase, enter, async (tx) => {
      backend = await pid(tx);
      proxy.swallow();
      await tx.query(sql.unsafe`select 1`);
    }),
    { instanceOf: StatementTimeoutError },
  );
  proxy.forward();
  t.not(await withTenant(tenantDatabase, enter, pid), backend);
  t.deepEqual(checked, [backend, backend], 'an unknown state holds the places');
});

test('a pool closes although a backend has not finished', async (t) => {
  const { run, pool } = await inside(t);
  await t.throwsAsync(
    run((tx) => tx.query(sql.unsafe`select stubborn(20)`)),
    { instanceOf: StatementTimeoutError },
  );
  await pool.end();
  await world.asOwner(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and query like '%stubborn(20)%' and pid <> pg_backend_pid()`,
  );
  t.pass();
});

test('closes the connection when the rows exceed the byte limit', async (t) => {
  const { run } = await inside(t, { queryTimeout: 10_000, resultBytes: 1_000_000 });
  const first = await run(pid);
  const large = (bytes: number, rows: number) =>
    run((tx) =>
      tx.any(
        sql.unsafe`select repeat('x', ${bytes}::integer) as text from generate_series(1, ${rows}::integer)`,
      ),
    );
  t.is((await large(9_000, 100)).length, 100);
  t.is(await run(pid), first, 'within the limit');
  for (const [bytes, rows] of [
    [11_000, 100],
    [10, 100_000],
    [2_000_000, 1],
    [1_000_000, 1_000],
  ] as const) {
    await t.throwsAsync(large(bytes, rows), { instanceOf: DomainError, code: 'response_too_large' } as never);
  }
  t.not(await run(pid), first);
});

// Queries without `await`.

test('a failed query that was not awaited fails its transaction and not the process', async (t) => {
  const { run } = await inside(t, { queryTimeout: 10_000 });
  await t.throwsAsync(
    run(async (tx) => {
      await tx.query(sql.unsafe`insert into jottings (text) values ('not awaited')`);
      void tx.query(sql.unsafe`select 1 / 0`);
    }),
    { ...(aborted as object), message: /Await every query/ } as never,
  );
  await t.throwsAsync(
    run(async (tx) => {
      void tx.query(sql.unsafe`select 1 / 0`);
      await sleep(100);
    }),
    aborted,
  );
  t.deepEqual(await world.asOwner(`select from acme.jottings where text = 'not awaited'`), []);
  t.true((await run(pid)) > 0);
});

test('a query that is still running when its handler returns fails the transaction', async (t) => {
  const { run } = await inside(t, { queryTimeout: 10_000 });
  await t.throwsAsync(
    run(async (tx) => {
      void tx.query(sql.unsafe`insert into jottings (text) values ('still running')`);
      void tx.query(sql.unsafe`select pg_sleep(0.2)`);
    }),
    aborted,
  );
  await t.throwsAsync(
    run(async (tx) =>
      tx.transaction(async (nested) => {
        void nested.query(sql.unsafe`insert into jottings (text) values ('still running')`);
      }),
    ),
    aborted,
  );
  t.deepEqual(await world.asOwner(`select from acme.jottings where text = 'still running'`), []);
});

test('a query after the end of its transaction rejects and reaches no tenant', async (t) => {
  const { run } = await inside(t, { queryTimeout: 10_000 });
  const ended = await run((tx) => Promise.resolve(tx));
  await t.throwsAsync(ended.query(sql.unsafe`select 1`), {
    ...(aborted as object),
    message: /has ended/,
  } as never);
  await run(async (other) => {
    await t.throwsAsync(ended.query(sql.unsafe`select 1`), aborted);
    await t.throwsAsync(
      ended.transaction(() => Promise.resolve()),
      aborted,
    );
    await other.query(sql.unsafe`select 1`);
  });
});

test('reports the error of the handler, and not that of a query still running', async (t) => {
  const { run } = await inside(t, { queryTimeout: 10_000 });
  await t.throwsAsync(
    run((tx) => {
      void tx.query(sql.unsafe`select 1 / 0`);
      return Promise.reject(new Error('on purpose'));
    }),
    { message: 'on purpose' },
  );
});

test('the service can check whether one of its backends still runs a transaction', async (t) => {
  const asking = await world.ownBackend();
  const asked = await world.ownBackend();
  const isWorking = async (backend: number): Promise<boolean> =>
    (await asking.query('select tenancy.is_in_transaction($1) as it', [backend])).rows[0].it;
  const { backend } = (await asked.query('select pg_backend_pid() as backend')).rows[0];
  t.false(await isWorking(backend));
  await asked.query('begin');
  await asked.query('select 1');
  t.true(await isWorking(backend));
  await asked.query('commit');
  t.false(await isWorking(backend));
  t.false(await isWorking(1));
});
