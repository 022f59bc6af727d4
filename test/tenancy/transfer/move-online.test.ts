import test from 'ava';
import pg from 'pg';

import { runChecks } from '../../../src/db/checks.ts';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { BUSY, migrateTransactional } from '../../../src/tenancy/migrations/migrate-transactional.ts';
import { loadTenantMigrations, migrationsOn } from '../../../src/tenancy/migrations/tenant-migrations.ts';
import { assertReplicable } from '../../../src/tenancy/transfer/move/assert-replicable.ts';
import type { Move } from '../../../src/tenancy/transfer/move/move.ts';
import { isPlain } from '../../cli/run.ts';
import { PASSWORD, type TestService } from '../../helpers/server.ts';
import type { World } from '../../helpers/world.ts';
import { raw } from '../../isolation/attack.ts';
import { keepChanging } from './keep-changing.ts';
import type { Premium } from './premium.ts';
import { hasSchema, leftovers } from './traces.ts';
import { openTwoDatabases, type TwoDatabases } from './two-databases.ts';
import { IDENTITIES, rowsOf, structureOf } from './varied-tables.ts';

let both: TwoDatabases;
let world: World;
let premium: Premium;
let service: TestService;
let tenants: TwoDatabases['tenants'];
let move: TwoDatabases['move'];
let createPopulated: TwoDatabases['createPopulated'];
let databaseOf: TwoDatabases['databaseOf'];
test.serial.before(async () => {
  both = await openTwoDatabases({ tables: IDENTITIES, online: true });
  ({ world, premium, service, tenants, move, createPopulated, databaseOf } = both);
});
test.after.always(() => both?.close());

test.serial('moves a tenant online with all of its rows, and keeps its users logged in', async (t) => {
  const mover = await createPopulated('mover');
  const [rows, structure] = [await rowsOf(world, 'mover'), await structureOf(world, 'mover')];
  const moved = await move('mover', 'premium');
  t.like(moved, { from: 'main', to: 'premium' });
  t.true(moved.tables.every(({ verified }) => verified === 'switch'));
  t.deepEqual(await rowsOf(premium, 'mover'), rows);
  t.deepEqual(await structureOf(premium, 'mover'), structure);
  t.is(await databaseOf('mover'), 'premium');
  t.false(await hasSchema(world, 'mover'));
  t.deepEqual(await leftovers(world, premium), []);
  t.is((await mover.list()).body.count, 40, 'with the token from before');
  const created = await service.request(mover.host, 'POST', '/api/notes/', {
    token: mover.token,
    body: { name: 'after' },
  });
  t.is(created.body.id, 41, 'identity columns continue');
  for (const where of [world, premium]) {
    t.deepEqual(await runChecks((text) => where.asOwner(text), { service: world.service }), []);
  }
});

test.serial('moves the tenant back with a second move', async (t) => {
  const rows = await rowsOf(premium, 'mover');
  t.like(await move('mover', 'main'), { from: 'premium', to: 'main' });
  t.deepEqual(await rowsOf(world, 'mover'), rows);
  t.deepEqual(await leftovers(world, premium), []);
  t.truthy(await service.logIn('mover.localhost', 'mover', PASSWORD));
});

test.serial('loses no acknowledged write of a tenant under constant writes', async (t) => {
  const busy = await createPopulated('busy');
  const writer = keepChanging(service, busy);
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
    [...writer.rows].sort(([a], [b]) => a - b),
  );
  t.deepEqual(await leftovers(world, premium), []);
});

test.serial('replicates changes after the copy, and fires triggers once', async (t) => {
  await createPopulated('late');
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
  await move('late', 'premium', {
    onStep: async (step) => {
      if (step === 'compare') {
        await world.asOwner(changes);
      }
    },
    keepDays: 3,
  });
  t.deepEqual(
    await rowsOf(premium, 'late'),
    await rowsOf(world, 'late'),
    'the copy at the source is retained',
  );
  t.deepEqual(await structureOf(premium, 'late'), await structureOf(world, 'late'));
  t.is((await premium.asOwner(`select from late.notes where name = 'late'`)).length, 1);
  t.deepEqual(await premium.asOwner(`select nextval('late.tickets')`), [{ nextval: '1000002' }]);
});

test.serial('rejects entering the copy before the switch, and hides the address of the source', async (t) => {
  const { id } = await world.provision('halfway');
  const pool = await world.openPool({ connection: { connectionString: premium.serviceUrl } });
  const client = new pg.Client({ connectionString: premium.serviceUrl });
  await client.connect();
  t.teardown(() => client.end());
  let seen = 0;
  await move('halfway', 'premium', {
    onStep: async (step) => {
      if (step !== 'follow') {
        return;
      }
      seen += 1;
      await t.throwsAsync(
        withTenant({ ...world.tenantDatabase, poolOf: () => pool }, { tenant: id, readOnly: true }, (tx) =>
          tx.any(raw('select id from notes')),
        ),
        { message: 'the tenant is in another database' },
      );
      await t.throwsAsync(client.query('select subconninfo from pg_subscription'), {
        message: /permission denied/,
      });
      t.deepEqual(
        await premium.asOwner(
          `select relname from pg_class where relnamespace = 'halfway'::regnamespace
           and relkind in ('r', 'p') and not (relrowsecurity and relforcerowsecurity)`,
        ),
        [],
      );
      t.deepEqual(await runChecks((text) => premium.asOwner(text), { service: world.service }), []);
    },
  });
  t.is(seen, 1);
});

test.serial('does not migrate a tenant during replication', async (t) => {
  const { schema, role } = await world.provision('unmoved');
  const client = new pg.Client(world.owner);
  await client.connect();
  t.teardown(() => client.end());
  const advance = async () =>
    migrateTransactional(
      client,
      { schema, role },
      { migrations: migrationsOn('tenant', await loadTenantMigrations(world.fleet.project)) },
      1000,
    );
  const answers: unknown[] = [];
  await move('unmoved', 'premium', {
    keepDays: 1,
    onStep: async (step) => {
      if (step === 'copy' || step === 'follow') {
        answers.push(await advance());
      }
    },
  });
  t.deepEqual(answers, [BUSY, BUSY]);
  t.like(await advance(), { names: [] }, 'and afterwards it may be');
});

test.serial('rejects invalid moves with one sentence', async (t) => {
  const plain = await world.provision('plain');
  await world.asOwner('alter table plain.changes replica identity default');
  const melting = await world.provision('melting');
  await world.asOwner('alter table melting.readings_2025 set unlogged');
  const refusals: ReadonlyArray<readonly [code: number, expected: RegExp, args: readonly string[]]> = [
    [2, /--to is required/, ['move-tenant', '--schema', 'acme', '--online']],
    [2, /--abort cannot be combined/, ['move-tenant', '--schema', 'acme', '--to', 'premium', '--abort']],
    [
      1,
      /plain\.changes has no primary key/,
      ['move-tenant', '--schema', 'plain', '--to', 'premium', '--online'],
    ],
    [
      1,
      /melting\.readings_2025 is unlogged/,
      ['move-tenant', '--schema', 'melting', '--to', 'premium', '--online'],
    ],
    [1, /No tenant has the schema "nobody"/, ['move-tenant', '--schema', 'nobody', '--abort']],
  ];
  for (const [code, expected, args] of refusals) {
    const ran = await tenants(...args);
    t.is(ran.code, code, `${args.join(' ')}: ${ran.err}`);
    t.regex(ran.err, expected);
    isPlain(t, ran);
  }
  t.is(
    (await tenants('move-tenant', '--schema', 'plain', '--abort')).out,
    'There are no remains of a move of plain.\n',
  );
  t.deepEqual(await leftovers(world, premium), []);
  for (const { schema } of [plain, melting]) {
    t.is(await databaseOf(schema), 'main');
    t.false(await hasSchema(premium, schema));
  }
});

test.serial('names the missing right of a login that cannot replicate or subscribe', async (t) => {
  const { schema } = await world.provision('rightless');
  const url = new URL(premium.ownerUrl);
  const name = url.pathname.slice(1);
  const role = `${name}_weak`;
  await premium.asOwner(`create role ${role} login password 'weak'`);
  await premium.asOwner(`grant connect on database ${name} to ${role}`);
  // The migrating login has EXECUTE on these hardened functions.
  await premium.asOwner(`grant execute on all functions in schema pg_catalog to ${role}`);
  const weak = {
    ...premium.database,
    owner: { connectionString: Object.assign(url, { username: role, password: 'weak' }).href },
  };
  const between = (source: Move['source'], target: Move['target']) =>
    assertReplicable({ source, target, tenant: { schema } } as Move);
  try {
    await t.throwsAsync(between(weak, premium.main), {
      message: /may not replicate from "premium": give it REPLICATION and CREATE/,
    });
    await t.throwsAsync(between(premium.main, weak), { message: /login of "premium" may not subscribe/ });
    await premium.asOwner(`alter role ${role} replication`);
    await t.throwsAsync(between(weak, premium.main), { message: /may not replicate from "premium"/ });
  } finally {
    await premium.asOwner(`drop owned by ${role}`);
    await premium.asOwner(`drop role ${role}`);
  }
});
