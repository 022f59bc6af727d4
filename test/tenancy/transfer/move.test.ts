import { setTimeout as wait } from 'node:timers/promises';
import test from 'ava';
import pg from 'pg';

import { runChecks } from '../../../src/db/checks.ts';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { dropRetainedCopies } from '../../../src/tenancy/lifecycle/drop-retained-copies.ts';
import { PASSWORD, type TestService, until } from '../../helpers/server.ts';
import type { World } from '../../helpers/world.ts';
import { raw } from '../../isolation/attack.ts';
import { keepChanging } from './keep-changing.ts';
import type { Premium } from './premium.ts';
import { openTwoDatabases, type TwoDatabases } from './two-databases.ts';
import { rowsOf, structureOf } from './varied-tables.ts';

let both: TwoDatabases;
let world: World;
let premium: Premium;
let service: TestService;
let tenants: TwoDatabases['tenants'];
let databases: TwoDatabases['databases'];
let move: TwoDatabases['move'];
let createPopulated: TwoDatabases['createPopulated'];
let databaseOf: TwoDatabases['databaseOf'];
test.serial.before(async () => {
  both = await openTwoDatabases({ tables: '' });
  ({ world, premium, service, tenants, databases, move, createPopulated, databaseOf } = both);
});
test.after.always(() => both?.close());

test.serial('moves a tenant with all of its rows, and keeps its users logged in', async (t) => {
  const mover = await createPopulated('mover');
  const [rows, structure] = [await rowsOf(world, 'mover'), await structureOf(world, 'mover')];
  const moved = await move('mover', 'premium');
  t.like(moved, { from: 'main', to: 'premium' });
  t.deepEqual(await rowsOf(premium, 'mover'), rows);
  t.deepEqual(await structureOf(premium, 'mover'), structure);
  t.is(await databaseOf('mover'), 'premium');
  t.deepEqual(await world.asOwner(`select to_regnamespace('mover') as here`), [{ here: null }]);
  const page = await mover.list();
  t.is(page.status, 200, 'with the token from before');
  t.is(page.body.count, 40);
  const created = await service.request(mover.host, 'POST', '/api/notes/', {
    token: mover.token,
    body: { name: 'after' },
  });
  t.is(created.status, 201);
  t.is(created.body.id, 41, 'identity columns continue');
  for (const where of [world, premium]) {
    t.deepEqual(await runChecks((text) => where.asOwner(text), { service: world.service }), []);
  }
});

test.serial('moves the tenant back with a second move', async (t) => {
  const rows = await rowsOf(premium, 'mover');
  t.like(await move('mover', 'main'), { from: 'premium', to: 'main' });
  t.deepEqual(await rowsOf(world, 'mover'), rows);
  t.is(await databaseOf('mover'), 'main');
  t.deepEqual(await premium.asOwner(`select from public.tenants where schema_name = 'mover'`), []);
  t.is((await service.request('mover.localhost', 'GET', '/healthz')).status, 200);
  t.truthy(await service.logIn('mover.localhost', 'mover', PASSWORD));
});

test.serial('loses no row and responds to every request of a tenant under constant writes', async (t) => {
  const writer = keepChanging(service, await createPopulated('busy'));
  for (const to of ['premium', 'main', 'premium']) {
    await writer.written();
    await move('busy', to);
  }
  await writer.written();
  await writer.stop();
  t.deepEqual(writer.refused, []);
  t.deepEqual(service.bugs, []);
  const there = await premium.asOwner<{ id: string; description: string }>(
    `select id, description from busy.notes where name like 'written%' order by id`,
  );
  t.deepEqual(
    there.map(({ id, description }) => [Number(id), description]),
    [...writer.rows].sort(([one], [other]) => one - other),
  );
});

test.serial('moves changes made between the snapshot and the switch', async (t) => {
  await createPopulated('late');
  await move('late', 'premium');
  // Changes of every kind, after the last table was copied.
  const changes = `
    begin;
    set local search_path = late;
    insert into animals (name, kind) values ('late', 2);
    update animals set name = 'swapped' where id = 3;
    update animals set friend = null where friend = 2;
    delete from readings where animal = 2;
    delete from animals where id = 2;
    insert into animals (name) values (E'\\\\N');
    update notes set description = 'late' where id = 7;
    delete from notes where id = 8;
    insert into notes (name) values ('late');
    insert into changes values ('late');
    insert into readings values (1, '2025-12-31', 9);
    delete from "odd ""name""/../x" where "select" = 'a';
    delete from refresh_tokens;
    select nextval('tickets');
    commit`;
  const client = new pg.Client(premium.database.owner);
  await client.connect();
  t.teardown(() => client.end());
  let changing: Promise<unknown> | undefined;
  await move('late', 'main', {
    onTable: ({ name }) => {
      if (name === 'users') {
        changing = client.query(changes);
      }
    },
    keepDays: 3,
  });
  await changing;
  t.deepEqual(
    await rowsOf(world, 'late'),
    await rowsOf(premium, 'late'),
    'the copy at the source is retained',
  );
  t.is((await world.asOwner(`select from late.notes where name = 'late'`)).length, 1);
  t.deepEqual(await world.asOwner(`select nextval('late.tickets')`), [{ nextval: '1000002' }]);
});

test.serial(
  'rejects entering a retained copy and a move back onto it, and drops it by name or after its retention',
  async (t) => {
    const [late] = await world.asOwner<{ id: never }>(
      `select id from public.tenants where schema_name = 'late'`,
    );
    const pool = await world.openPool({ connection: { connectionString: premium.serviceUrl } });
    await t.throwsAsync(
      withTenant(
        { ...world.tenantDatabase, poolOf: () => pool },
        { tenant: late?.id as never, readOnly: true },
        (tx) => tx.any(raw('select id from notes')),
      ),
      { message: 'the tenant is in another database' },
    );
    t.deepEqual(await runChecks((text) => premium.asOwner(text), { service: world.service }), []);
    await t.throwsAsync(move('late', 'premium'), {
      code: 'schema_name_taken',
      message: /drop-retained-copies --schema late/,
    } as never);
    t.deepEqual(await dropRetainedCopies(databases, { schema: null }), [], 'its retention has not ended');
    const dropped = await tenants('drop-retained-copies', '--schema', 'late');
    t.is(dropped.code, 0, dropped.err);
    t.is(dropped.out, 'late  dropped from premium\n');
    t.deepEqual(await premium.asOwner(`select to_regnamespace('late') as here`), [{ here: null }]);
    t.truthy(await world.asOwner('select from late.notes'));
    await move('late', 'premium', { keepDays: 1 });
    await world.asOwner(`update tenancy.retained_copies set keep_until = now() - interval '1 minute'`);
    t.like(await dropRetainedCopies(databases, { schema: null }), [{ schema: 'late', database: 'main' }]);
    t.deepEqual(await world.asOwner(`select to_regnamespace('late') as here`), [{ here: null }]);
    t.is((await tenants('drop-retained-copies')).code, 0);
  },
);

test.serial(
  'does not drop the copy on the database where main places the tenant, whatever the records contain',
  async (t) => {
    await world.provision('safe');
    await world.asOwner(
      `insert into tenancy.retained_copies (tenant_id, schema_name, moved_to, keep_until)
     select id, schema_name, 'premium', now() - interval '1 day' from public.tenants where schema_name = 'safe'`,
    );
    t.deepEqual(await dropRetainedCopies(databases, { schema: null }), []);
    t.deepEqual(await dropRetainedCopies(databases, { schema: 'safe', now: true }), []);
    t.truthy(await world.asOwner('select from safe.notes'));
  },
);

let checkedHosts = 0;

/** Resolves when the service has received every notification that was sent before: they arrive in order. */
async function notificationsArrived(): Promise<void> {
  checkedHosts += 1;
  const host = `arrived-${checkedHosts}.localhost`;
  const isKnown = async () => (await service.request(host, 'GET', '/api/notes/')).status !== 404;
  await isKnown();
  await world.asOwner(
    `insert into public.domains (domain, tenant_id) select $1, id from public.tenants where schema_name = 'acme'`,
    [host],
  );
  await until(isKnown, Boolean);
  await world.asOwner('delete from public.domains where domain = $1', [host]);
}

test.serial('holds requests while the tenant is locked, and serves them afterwards', async (t) => {
  const patient = await createPopulated('patient');
  const locker = new pg.Client(world.owner);
  await locker.connect();
  t.teardown(() => locker.end());
  await locker.query('begin');
  await locker.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [patient.id]);
  await world.asOwner(`select pg_notify('koa_tenants', $1)`, [`moving:${patient.id}:30`]);
  await notificationsArrived();
  let answered = false;
  const waiting = patient.list().then((answer) => {
    answered = true;
    return answer;
  });
  const other = await service.request('busy.localhost', 'GET', '/api/notes/');
  t.is(other.status, 401, 'others do not wait');
  await wait(1_000);
  t.false(answered);
  await locker.query('rollback');
  t.is((await waiting).status, 200);
});

test.serial('returns 503 with Retry-After for requests that wait too long', async (t) => {
  const patient = {
    id: (await world.asOwner(`select id from public.tenants where schema_name = 'patient'`))[0]?.id,
  };
  const locker = new pg.Client(world.owner);
  await locker.connect();
  t.teardown(() => locker.end());
  await locker.query('begin');
  await locker.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [patient.id]);
  await world.asOwner(`select pg_notify('koa_tenants', $1)`, [`moving:${patient.id}:1`]);
  await notificationsArrived();
  const late = await service.request('patient.localhost', 'POST', '/api/auth/jwt/create/', {
    body: { username: 'mover', password: PASSWORD },
  });
  t.is(late.status, 503);
  t.is(late.body.code, 'tenant_busy');
  t.regex(late.headers['retry-after'] ?? '', /^\d+$/);
});

test.serial('delays a request only briefly after a false notification of a move', async (t) => {
  const [patient] = await world.asOwner<{ id: string }>(
    `select id from public.tenants where schema_name = 'patient'`,
  );
  for (const payload of [`moving:${patient?.id}:99999`, 'moving:', 'moving:not-an-id:x']) {
    await world.asOwner(`select pg_notify('koa_tenants', $1)`, [payload]);
  }
  await notificationsArrived();
  t.truthy(await service.logIn('patient.localhost', 'mover', PASSWORD));
  t.deepEqual(service.bugs, []);
});
