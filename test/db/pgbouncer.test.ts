import test, { type ExecutionContext } from 'ava';
import type pg from 'pg';
import { sql } from 'slonik';
import { z } from 'zod';

import { SESSION_RESET } from '../../src/db/driver/session-reset.ts';
import { querySingle } from '../../src/tenancy/context/query-single.ts';
import { flushEntry, type TenantDatabase, withTenant } from '../../src/tenancy/context/with-tenant.ts';
import { servedProject } from '../fixture-app/served-project.ts';
import { hasPgBouncer, type Pooler, startPgBouncer } from '../helpers/pgbouncer.ts';
import { testServerUrl } from '../helpers/postgres.ts';
import { makeUser, PASSWORD, serve, until } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { raw } from '../isolation/attack.ts';
import { openTappedPool } from '../isolation/tapped-pool.ts';

type Body = (t: ExecutionContext) => Promise<void>;
const check: (title: string, body: Body) => void = hasPgBouncer
  ? test
  : (title) => test(`not tested, pgbouncer is not installed: ${title}`, (t) => t.pass());

let world: World;
/** Grants that tests of a session's state need. Hardening revokes them. */
let watched: World;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  watched = await openWorld({ project: servedProject });
  await watched.asOwner(`
    grant select on pg_cursors, pg_prepared_statements to public;
    grant execute on function pg_cursor(), pg_prepared_statement(), pg_listening_channels() to public`);
});
test.after.always(async () => {
  await world?.close();
  await watched?.close();
});

/** Starts a PgBouncer that stops with the test. */
async function pgBouncer(
  t: ExecutionContext,
  settings: Record<string, string | number> = {},
): Promise<Pooler> {
  const pooler = await startPgBouncer(await testServerUrl(), settings);
  t.teardown(pooler.stop);
  return pooler;
}

/** The service's URL without the pooler of the run: each test starts its own. */
const directUrl = ({ listenUrl, serviceUrl }: World): string => listenUrl ?? serviceUrl;

/** Statements whose effect outlives the transaction. Wall 0 rejects them. The test bypasses it. */
const SESSION_STATE = [
  `set search_path = globex`,
  `set statement_timeout = 12345`,
  `set work_mem = '65MB'`,
  `prepare kept as select 1`,
  `declare kept cursor with hold for select 1`,
  `listen kept`,
];
const LEFT = `
  select
    pg_backend_pid() as backend,
    current_user::text as "user",
    current_setting('search_path') as path,
    current_setting('statement_timeout') as timeout,
    current_setting('work_mem') as memory,
    (select count(*)::integer from pg_prepared_statements as p where p.name = 'kept') as prepared,
    (select count(*)::integer from pg_cursors as c where c.name = 'kept') as cursors,
    (select count(*)::integer from pg_listening_channels()) as channels`;

/** Returns the state that acme's transaction left in PgBouncer's only backend, as the next client reads it. */
async function leftBehind(
  t: ExecutionContext,
  { poolerResets, weReset }: { poolerResets: boolean; weReset: boolean },
): Promise<{ before: unknown; after: unknown }> {
  const pooler = await pgBouncer(t, {
    default_pool_size: 1,
    server_reset_query_always: poolerResets ? 1 : 0,
  });
  const connection = { connectionString: pooler.through(directUrl(watched)) };
  const { pool, clients } = await openTappedPool(watched, {
    connection,
    rewrite: (text) => (text === SESSION_RESET && !weReset ? 'select 1' : text),
  });
  const next = await watched.openPool({ connection, maxPoolSize: 1 });
  const look = async (): Promise<unknown> => (await next.one(raw(LEFT))) as unknown;

  const before = await look();
  const tenantDatabase: TenantDatabase = { ...watched.tenantDatabase, poolOf: () => pool };
  await withTenant(tenantDatabase, { tenant: watched.acme.id, readOnly: false }, async (tx) => {
    await flushEntry(tx);
    for (const text of [...SESSION_STATE, `set role ${watched.acme.role}`]) {
      await (clients.at(-1) as pg.Client).query(text);
    }
  });
  const after = await look();
  await Promise.all([pool.end(), next.end()]);
  return { before, after };
}

check('through PgBouncer, a transaction leaves no session state for the next client', async (t) => {
  const { before, after } = await leftBehind(t, { poolerResets: true, weReset: true });
  t.deepEqual(after, before);
});

check(
  'through PgBouncer without server_reset_query_always, the session reset of the driver leaves no state',
  async (t) => {
    const { before, after } = await leftBehind(t, { poolerResets: false, weReset: true });
    t.deepEqual(after, before);
  },
);

check(
  'through PgBouncer with server_reset_query_always, no state remains when the session reset of the driver is lost',
  async (t) => {
    const { before, after } = await leftBehind(t, { poolerResets: true, weReset: false });
    t.deepEqual(after, before);
  },
);

check('without either reset the next client sees the state: control for the tests above', async (t) => {
  const { before, after } = await leftBehind(t, { poolerResets: false, weReset: false });
  t.like(after as object, { path: 'globex', timeout: '12345ms', prepared: 1, cursors: 1, channels: 1 });
  t.notDeepEqual(after, before);
});

check(
  'a single statement through PgBouncer has its tenant, and no statement name that another client could redefine',
  async (t) => {
    const pooler = await pgBouncer(t, { default_pool_size: 1, server_reset_query_always: 0 });
    const connection = { connectionString: pooler.through(directUrl(watched)) };
    const { pool, clients } = await openTappedPool(watched, { connection });
    t.teardown(() => pool.end());
    const tenantDatabase: TenantDatabase = { ...watched.tenantDatabase, poolOf: () => pool };
    const look = sql.type(z.looseObject({}))`
    select
      current_user::text as role,
      (select count(*)::integer from pg_prepared_statements as p where p.name not like 'PGBOUNCER%') as prepared
  `;
    const single = () =>
      querySingle(tenantDatabase, { tenant: watched.acme.id, readOnly: true, admitted: ['active'] }, look);
    for (let at = 0; at < 8; at += 1) {
      t.deepEqual(await single(), [{ role: watched.acme.role, prepared: 0 }]);
    }
    await withTenant(tenantDatabase, { tenant: watched.globex.id, readOnly: false }, async (tx) => {
      await flushEntry(tx);
      for (const name of ['PGBOUNCER_1', 'PGBOUNCER_2']) {
        await (clients.at(-1) as pg.Client).query(
          `prepare "${name}" as select 'stolen' as role, 0 as prepared`,
        );
      }
    });
    t.deepEqual(await single(), [{ role: watched.acme.role, prepared: 0 }]);
  },
);

/** A statement that runs longer than any test, without a function that may be revoked. */
const ENDLESS = sql.unsafe`select count(*) from generate_series(1, 1000000000000)`;

check('cancels an overdue statement in its own backend only', async (t) => {
  const pooler = await pgBouncer(t);
  const connection = { connectionString: pooler.through(directUrl(world)) };
  const applicationName = 'overdue behind a pooler';
  const shortTimeoutPool = await world.openPool({
    connection,
    applicationName,
    queryTimeout: 300,
    maxPoolSize: 2,
  });
  const longTimeoutPool = await world.openPool({
    connection,
    applicationName: 'neighbor',
    queryTimeout: 60_000,
  });
  const tenantDatabase = (pool: typeof shortTimeoutPool): TenantDatabase => ({
    ...world.tenantDatabase,
    poolOf: () => pool,
    statementTimeout: 0,
  });

  // It uses a backend from before the first cancel request until after the last.
  const ended = Promise.withResolvers<void>();
  const neighbor = withTenant(
    tenantDatabase(longTimeoutPool),
    { tenant: world.globex.id, readOnly: true },
    async (tx) => {
      let statements = 0;
      let done = false;
      void ended.promise.then(() => {
        done = true;
      });
      while (!done) {
        await tx.query(sql.unsafe`select count(*) from generate_series(1, 100000)`);
        statements += 1;
      }
      return statements;
    },
  );
  try {
    for (const tenant of [world.acme.id, world.acme.id]) {
      await t.throwsAsync(
        withTenant(tenantDatabase(shortTimeoutPool), { tenant, readOnly: true }, (tx) => tx.query(ENDLESS)),
      );
    }
    const running = () =>
      world.asOwner(
        `select pid from pg_stat_activity where datname = current_database() and state = 'active'
         and query like '%1000000000000%' and pid <> pg_backend_pid()`,
      );
    t.deepEqual(await until(running, (rows) => rows.length === 0), []);
  } finally {
    ended.resolve();
  }
  t.true((await neighbor) > 0);
});

check(
  'the service serves through PgBouncer, receives notifications, and serves again after an outage of it',
  async (t) => {
    await makeUser(world, 'acme', 'pooled');
    let pooler = await startPgBouncer(await testServerUrl());
    t.teardown(() => pooler.stop());
    const service = await serve(
      { ...world, serviceUrl: pooler.through(directUrl(world)), listenUrl: directUrl(world) },
      { CONNECT_TIMEOUT: '10000' },
    );
    t.teardown(service.close);
    const token = await service.logIn('acme.localhost', 'pooled', PASSWORD);
    const list = () => service.request('acme.localhost', 'GET', '/api/notes/', { token });
    t.is((await list()).status, 200);

    await world.asOwner(`update public.tenants set status = 'maintenance' where schema_name = 'acme'`);
    t.is((await until(list, ({ status }) => status === 503)).status, 503);
    await world.asOwner(`update public.tenants set status = 'active' where schema_name = 'acme'`);
    t.is((await until(list, ({ status }) => status === 200)).status, 200);

    await pooler.stop();
    t.is((await list()).status, 503);
    t.is((await service.request('acme.localhost', 'GET', '/readyz')).status, 503);
    pooler = await startPgBouncer(await testServerUrl(), { listen_port: pooler.port });
    t.is((await until(list, ({ status }) => status === 200)).status, 200);
    t.deepEqual(service.bugs, []);
  },
);

check('rejects a request that waits too long for a backend with 503, and serves the next one', async (t) => {
  await makeUser(world, 'globex', 'waiting');
  const pooler = await pgBouncer(t, { default_pool_size: 1, query_wait_timeout: 1 });
  const serviceUrl = pooler.through(directUrl(world));
  const service = await serve({ ...world, serviceUrl, listenUrl: directUrl(world) });
  t.teardown(service.close);
  const token = await service.logIn('globex.localhost', 'waiting', PASSWORD);
  const list = () => service.request('globex.localhost', 'GET', '/api/notes/', { token });

  const pool = await world.openPool({ connection: { connectionString: serviceUrl } });
  const tenantDatabase: TenantDatabase = { ...world.tenantDatabase, poolOf: () => pool };
  await withTenant(tenantDatabase, { tenant: world.globex.id, readOnly: true }, async (tx) => {
    await flushEntry(tx);
    t.is((await list()).status, 503);
  });
  t.is((await list()).status, 200);
  t.deepEqual(service.bugs, []);
});
