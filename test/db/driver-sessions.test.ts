import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { BackendTerminatedError, StatementTimeoutError, sql } from 'slonik';
import { flushEntry, withTenant } from '../../src/tenancy/context/with-tenant.ts';
import { until } from '../helpers/until.ts';
import type { World } from '../helpers/world.ts';
import { insideOf, namesOf, openDriverWorld, pid } from './driver-world.ts';

let world: World;
test.before(async () => {
  world = await openDriverWorld();
});
test.after.always(() => world?.close());

const inside = insideOf(() => world);
const _names = namesOf(() => world);

// State that a session leaves.

test('the session reset restores role, path and settings, and removes temporary tables, statements, cursors and channels', async (t) => {
  const database = new URL(world.ownerUrl).pathname.slice(1);
  await world.asOwner(`grant temporary on database ${database} to ${world.service}`);
  const { run, clients } = await inside(t, { isPreparing: false });
  const first = await run(async (tx) => {
    await flushEntry(tx);
    for (const text of [
      'set session role none',
      `set session search_path = globex`,
      `set session work_mem = '1MB'`,
      `set session statement_timeout = 1234`,
      'set session default_transaction_read_only = on',
      `set session "app.own" = 'left'`,
      'create temporary table left_over (id int)',
      'prepare left_over as select 1',
      'declare left_over cursor with hold for select 1',
      'listen left_over',
      `set session role ${world.globex.role}`,
    ]) {
      await clients[0]?.query(text);
    }
    return pid(tx);
  });
  await world.asOwner(`revoke temporary on database ${database} from ${world.service}`);
  const left = await clients[0]?.query(`
    select pg_backend_pid() as pid, current_user::text as role, session_user::text as login,
           current_setting('search_path') as path,
           current_setting('work_mem') <> '1MB' as work_mem,
           current_setting('statement_timeout') as timeout,
           current_setting('default_transaction_read_only') as read_only,
           coalesce(current_setting('app.own', true), '') as own,
           coalesce(tenancy.current_tenant(), '') as tenant,
           to_regclass('pg_temp.left_over') is null as temporary,
           (select count(*)::integer from pg_prepared_statements) as statements,
           (select count(*)::integer from pg_listening_channels()) as channels
  `);
  t.deepEqual(left?.rows, [
    {
      pid: first,
      role: world.service,
      login: world.service,
      path: '"$user", public',
      work_mem: true,
      timeout: '0',
      read_only: 'off',
      own: '',
      tenant: '',
      temporary: true,
      statements: 0,
      channels: 0,
    },
  ]);
  await t.throwsAsync(clients[0]?.query('fetch all from left_over') ?? Promise.resolve(), {
    message: /does not exist/,
  });
});

test('closes a session that cannot be reset, and returns the committed result', async (t) => {
  const { run, clients } = await inside(t, {
    rewrite: (text) => (text.startsWith('close all') ? 'select 1 / 0' : text),
  });
  await run((tx) => tx.query(sql.unsafe`insert into notes (name) values ('kept') returning id`));
  t.is((await world.asOwner(`select id from acme.notes where name = 'kept'`)).length, 1);
  await run(() => Promise.resolve()).catch(() => {});
  t.is(clients.length, 2);
});

// Broken connections and servers.

test('reports a killed backend, and the pool recovers', async (t) => {
  const { run } = await inside(t);
  const first = await run(pid);
  const killed = run(async (tx) => {
    const own = await pid(tx);
    await world.asOwner('select pg_terminate_backend($1)', [own]);
    await sleep(50);
    await tx.query(sql.unsafe`select 1`);
  });
  await t.throwsAsync(killed);
  t.not(await run(pid), first);
});

test('reports a backend killed during a statement', async (t) => {
  const { run } = await inside(t);
  let own = 0;
  const killed = run(async (tx) => {
    own = await pid(tx);
    await tx.query(sql.unsafe`select count(*) from generate_series(1, 1000000000)`);
  });
  while (own === 0) {
    await sleep(5);
  }
  await sleep(50);
  await world.asOwner('select pg_terminate_backend($1)', [own]);
  await t.throwsAsync(killed, { instanceOf: BackendTerminatedError });
  t.not(await run(pid), own);
});

test('a backend killed between two requests fails no request', async (t) => {
  const { run, clients } = await inside(t);
  const first = await run(pid);
  const ended = new Promise<void>((resolve) => clients[0]?.once('end', resolve));
  await world.asOwner('select pg_terminate_backend($1)', [first]);
  await ended;
  t.not(await run(pid), first);
});

test('cancels a statement after its timeout, and keeps the connection', async (t) => {
  const { run } = await inside(t, { statementTimeout: 1_000 });
  const first = await run(pid);
  const slow = run((tx) => tx.query(sql.unsafe`select pg_sleep(600)`));
  await t.throwsAsync(slow, { instanceOf: StatementTimeoutError });
  t.is(await run(pid), first);
});

test('cancels an endless statement from Node, whatever timeout the session has set', async (t) => {
  const pool = await world.openPool({ maxPoolSize: 1, queryTimeout: 4_000 });
  const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool, statementTimeout: 0 };
  const enter = { tenant: world.acme.id, readOnly: true };
  // Without a timeout it would take longer than a test may.
  await t.throwsAsync(withTenant(tenantDatabase, enter, (tx) => tx.query(sql.unsafe`select pg_sleep(600)`)));
  await t.notThrowsAsync(withTenant(tenantDatabase, enter, (tx) => tx.query(sql.unsafe`select 1`)));
});

/** Returns the sessions that still run a statement after a delay. */
async function activeOf(applicationName: string): Promise<unknown[]> {
  const active = () =>
    world.asOwner(`select pid from pg_stat_activity where application_name = $1 and state = 'active'`, [
      applicationName,
    ]);
  return until(active, (found) => found.length === 0);
}

test('a cancel from Node also ends the statement in PostgreSQL', async (t) => {
  const applicationName = 'ended from node';
  const pool = await world.openPool({ maxPoolSize: 1, queryTimeout: 300, applicationName });
  const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool, statementTimeout: 0 };
  await t.throwsAsync(
    withTenant(tenantDatabase, { tenant: world.acme.id, readOnly: true }, (tx) =>
      tx.query(sql.unsafe`select count(*) from generate_series(1, 1000000000)`),
    ),
  );
  t.deepEqual(await activeOf(applicationName), []);
});

test('sends a second cancel when the first one is lost', async (t) => {
  const target = new URL(world.serviceUrl);
  let connections = 0;
  const between = createServer((client) => {
    connections += 1;
    if (connections === 2) {
      client.destroy();
      return;
    }
    const server = connect(Number(target.port || 5432), target.hostname);
    client.pipe(server).pipe(client);
    for (const socket of [client, server]) {
      socket.on('error', () => {});
    }
  }).listen(0, '127.0.0.1');
  await once(between, 'listening');
  t.teardown(() => void between.close());
  const through = new URL(target);
  through.hostname = '127.0.0.1';
  through.port = String((between.address() as AddressInfo).port);
  const applicationName = 'first cancel lost';
  const pool = await world.openPool({
    maxPoolSize: 1,
    queryTimeout: 300,
    applicationName,
    connection: { connectionString: through.href },
  });
  const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool, statementTimeout: 0 };
  await t.throwsAsync(
    withTenant(tenantDatabase, { tenant: world.acme.id, readOnly: true }, (tx) =>
      tx.query(sql.unsafe`select count(*) from generate_series(1, 1000000000)`),
    ),
  );
  t.deepEqual(await activeOf(applicationName), []);
});
