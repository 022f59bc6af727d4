import test from 'ava';

import type { DomainError } from '../../../src/errors.ts';
import { planMigration } from '../../../src/tenancy/fleet/plan-migration.ts';
import { loadTenantMigrations } from '../../../src/tenancy/migrations/tenant-migrations.ts';
import type { World } from '../../helpers/world.ts';
import {
  colour,
  FLEET,
  type FleetWorld,
  laterRelease,
  migration,
  openFleet,
  readVersions,
  schemasWithColumn,
  undoMigrations,
  weight,
} from './release.ts';

let world: World;
let run: FleetWorld['run'];
let stopped: FleetWorld['stopped'];
test.serial.before(async () => {
  ({ world, run, stopped } = await openFleet());
});
test.after.always(() => world?.close());

test.serial('migrates a tenant up to one migration, down again, and to zero', async (t) => {
  const migrations = await laterRelease(colour, weight);
  await run(migrations, { to: colour.name });
  t.deepEqual(await schemasWithColumn(world, 'colour'), FLEET);
  t.deepEqual(await schemasWithColumn(world, 'weight'), []);
  await run(migrations);
  const down = await run(migrations, { to: colour.name, schema: 'acme' });
  t.deepEqual(down.undone, [{ schema: 'acme', applied: [weight.name] }]);
  t.deepEqual(await schemasWithColumn(world, 'weight'), FLEET.slice(1));
  t.like(await run(migrations, { to: colour.name, schema: 'acme' }), { undone: [], tenants: [] });

  const zero = await run(migrations, { to: 'zero', schema: 'hooli' });
  t.is(zero.undone[0]?.applied.length, migrations.length);
  t.deepEqual(
    await world.asOwner(`select c.relname from pg_class as c where c.relnamespace = 'hooli'::regnamespace`),
    [],
    'nothing is left',
  );
  t.like((await readVersions(world))[2], { schema: 'hooli', migrated_to: null });
  await run(migrations);
  t.deepEqual(await schemasWithColumn(world, 'weight'), FLEET);
  await undoMigrations(world, migrations);
});

test.serial('undoes nothing when one of the migrations cannot be undone', async (t) => {
  const irreversible = migration(2, 'alter table notes add column weight integer');
  const migrations = await laterRelease(colour, irreversible);
  await run(migrations);
  const error = await t.throwsAsync<DomainError>(run(migrations, { to: 'zero' }));
  t.is(error?.code, 'precondition_failed');
  t.regex(error?.message ?? '', new RegExp(`no \`down\`.*: ${irreversible.name}`));
  t.deepEqual(await schemasWithColumn(world, 'colour'), FLEET);
  const reversible = await laterRelease(colour, weight);
  await undoMigrations(world, reversible);
});

test.serial('undoes nothing without a confirmation', async (t) => {
  const migrations = await laterRelease(colour);
  await run(migrations);
  const { report } = await stopped(migrations, { to: '20260103000000000', confirm: async () => false });
  t.is(report.left, FLEET.length);
  t.deepEqual(await schemasWithColumn(world, 'colour'), FLEET);
  await undoMigrations(world, migrations);
});

test.serial('rejects a target that is not a migration, and lists the migrations', async (t) => {
  for (const to of ['nonsense', '', '2026', 'later_']) {
    const error = await t.throwsAsync<DomainError>(run(await laterRelease(colour), { to }));
    t.is(error?.code, 'usage_invalid', to);
    t.true(error?.message.includes(colour.name));
  }
  const both = await t.throwsAsync<DomainError>(run(await laterRelease(colour, weight), { to: 'later' }));
  t.regex(both?.message ?? '', /matches 2 migrations/);
});

test.serial('records a faked migration without running it', async (t) => {
  const migrations = await laterRelease(colour);
  const report = await run(migrations, { fake: true });
  t.is(report.tenants.length, FLEET.length);
  t.deepEqual(await schemasWithColumn(world, 'colour'), []);
  t.like(await run(migrations), { tenants: [] });
  await run(migrations, { to: '20260103000000000', fake: true });
  t.true((await readVersions(world)).every(({ migrated_to }) => migrated_to?.startsWith('2026')));
});

test.serial('rejects a migration with an earlier time than an applied one, and names it', async (t) => {
  const migrations = await laterRelease(weight);
  await run(migrations);
  const { message } = await stopped(await laterRelease(colour, weight), { jobs: 1 });
  t.true(message.includes(`${colour.name} has an earlier time than ${weight.name}`), message);
  t.true(message.includes(`Rename it to a later time. ${FLEET.length - 1} tenants not tried. `), message);
  t.deepEqual(await schemasWithColumn(world, 'colour'), []);
  await undoMigrations(world, migrations);
  await world.asOwner('delete from tenancy.migration_failures');
});

test.serial('leaves migrations of a newer release unchanged in a run of an older one', async (t) => {
  const migrations = await laterRelease(colour);
  await run(migrations);
  const before = await readVersions(world);
  t.like(await run(await loadTenantMigrations(world.fleet.project)), { tenants: [], undone: [] });
  t.deepEqual(await readVersions(world), before);
  await undoMigrations(world, migrations);
});

test.serial('plans without changing anything', async (t) => {
  const migrations = await laterRelease(colour, weight);
  await run(migrations, { to: colour.name, schema: 'acme' });
  const before = await readVersions(world);
  const { tenants, install, shared } = await planMigration(world.owner, world.fleet, { migrations });
  t.deepEqual([install, shared], [false, []]);
  t.deepEqual(tenants, [
    { schema: 'acme', apply: [weight.name], undo: [] },
    ...FLEET.slice(1).map((schema) => ({ schema, apply: [colour.name, weight.name], undo: [] })),
  ]);
  const down = await planMigration(world.owner, world.fleet, {
    migrations,
    to: 'fixture_people_logins',
    schema: 'acme',
  });
  t.deepEqual(down.tenants, [{ schema: 'acme', apply: [], undo: [colour.name] }]);
  t.deepEqual(await readVersions(world), before);
  await undoMigrations(world, migrations);
});

test.serial('plans from the migration history of a tenant when its row differs', async (t) => {
  const migrations = await laterRelease(colour, weight);
  await run(migrations, { to: colour.name, schema: 'acme' });
  // As after a restore of only the registry.
  await world.asOwner(
    `update public.tenants set migrated_to = null, concurrent_to = null, migrations_applied = 0
     where schema_name = 'acme'`,
  );
  const { tenants } = await planMigration(world.owner, world.fleet, { migrations, schema: 'acme' });
  t.deepEqual(tenants, [{ schema: 'acme', apply: [weight.name], undo: [] }]);
  t.like(await run(migrations, { schema: 'acme' }), {
    tenants: [{ schema: 'acme', applied: [weight.name] }],
  });
  await undoMigrations(world, migrations);
});

test.serial('finds a tenant whose row is ahead of its migration history only with --histories', async (t) => {
  const migrations = await laterRelease(colour, weight);
  await run(migrations);
  // As after a manual restore of one tenant with its migration history.
  await world.asOwner(`alter table globex.notes drop column weight`);
  await world.asOwner(`delete from tenancy_migrations.${world.globex.role} where name = $1`, [weight.name]);
  t.deepEqual((await run(migrations)).tenants, [], 'the query of the registry does not read the history');
  const plan = { migrations, histories: true };
  t.deepEqual((await planMigration(world.owner, world.fleet, plan)).tenants, [
    { schema: 'globex', apply: [weight.name], undo: [] },
  ]);
  t.deepEqual((await planMigration(world.owner, world.fleet, { ...plan, schema: 'acme' })).tenants, []);
  t.deepEqual((await run(migrations, { histories: true })).tenants, [
    { schema: 'globex', applied: [weight.name] },
  ]);
  t.true((await schemasWithColumn(world, 'weight')).includes('globex'));
  t.deepEqual((await planMigration(world.owner, world.fleet, plan)).tenants, []);
  await undoMigrations(world, migrations);
});

test.serial('finds a tenant without a migration history, and records its failure', async (t) => {
  const migrations = await laterRelease(colour);
  await run(migrations);
  const history = `tenancy_migrations.${world.globex.role}`;
  await world.asOwner(`alter table ${history} rename to away`);
  await t.throwsAsync(run(migrations, { histories: true }), {
    message: /^1 tenant failed: globex: .* already exists/,
  });
  t.deepEqual(
    await world.asOwner(
      `select t.schema_name as schema, t.migrated_to, t.migrations_applied
       from tenancy.migration_failures as f
       join public.tenants as t on t.id = f.tenant_id`,
    ),
    [{ schema: 'globex', migrated_to: null, migrations_applied: 0 }],
    'so that the next run finds it without reading the migration histories',
  );
  await world.asOwner(`drop table if exists ${history}`);
  await world.asOwner(`alter table tenancy_migrations.away rename to ${world.globex.role}`);
  await run(migrations, { histories: true });
  t.deepEqual((await planMigration(world.owner, world.fleet, { migrations, histories: true })).tenants, []);
  await undoMigrations(world, migrations);
});
