import { join } from 'node:path';
import test from 'ava';
import { runChecks } from '../../../src/db/checks.ts';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { migrate } from '../../../src/tenancy/fleet/migrate.ts';
import { loadTenantMigrations, migrationsOn } from '../../../src/tenancy/migrations/tenant-migrations.ts';
import { dumpTenant } from '../../../src/tenancy/transfer/dump/dump-tenant.ts';
import { restoreTenant } from '../../../src/tenancy/transfer/dump/restore-tenant.ts';
import type { World } from '../../helpers/world.ts';
import { raw } from '../../isolation/attack.ts';
import { type DumpFixture, openDumpFixture, TABLES } from './dump-fixture.ts';
import { insertVariedRows, rowsOf, structureOf } from './varied-tables.ts';

let fixture: DumpFixture;
let world: World;
let elsewhere: World;
let folder: string;
let restore: DumpFixture['restore'];

test.serial.before(async () => {
  fixture = await openDumpFixture();
  ({ world, elsewhere, folder, restore } = fixture);
});
test.after.always(() => fixture?.close());

/** Returns the rows that a restore contains. */
const withoutSessions = (rows: Record<string, string[]>) => ({
  ...rows,
  outbox: [],
  refresh_tokens: [],
  sessions: [],
});

test.serial('restores a complete tenant in another installation', async (t) => {
  const restored = await restore(elsewhere);
  t.deepEqual(await rowsOf(elsewhere, 'zoo'), withoutSessions(await rowsOf(world, 'zoo')));
  t.deepEqual(await structureOf(elsewhere, 'zoo'), await structureOf(world, 'zoo'));
  t.deepEqual(restored.domains as readonly string[], ['zoo.localhost']);
  t.deepEqual(restored.leftOut, ['outbox', 'refresh_tokens', 'sessions']);
  t.deepEqual(
    await runChecks((text) => elsewhere.asOwner(text), { service: elsewhere.service }),
    [],
    'and every wall is enabled',
  );
});

test('serves a restored tenant, isolated from the others', async (t) => {
  const { id } = await restore(world, { schema: 'served', domains: ['served.localhost'] });
  const seen = await withTenant(world.tenantDatabase, { tenant: id, readOnly: true }, (tx) =>
    tx.one(raw('select count(*)::integer as notes from notes')),
  );
  t.deepEqual(seen, { notes: 40 });
  await t.throwsAsync(
    withTenant(world.tenantDatabase, { tenant: world.acme.id, readOnly: true }, (tx) =>
      tx.any(raw('select id from served.notes')),
    ),
    { message: /permission denied/ },
  );
});

// Restoring.

/** Drops everything of a tenant, as a purge does. */
async function purge(schema: string): Promise<void> {
  const [row] = await world.asOwner<{ role: string }>(
    'select role_name as role from public.tenants where schema_name = $1',
    [schema],
  );
  await world.asOwner(`drop schema ${schema} cascade`);
  await world.asOwner(`drop table tenancy_migrations.${row?.role}`);
  await world.asOwner(`delete from public.tenants where schema_name = '${schema}'`);
  await world.asOwner(`drop owned by ${row?.role}`);
  await world.asOwner(`drop role ${row?.role}`);
}

test('restores a purged tenant under its own identity, with its rows and without its sessions', async (t) => {
  const { id } = await world.provision('phoenix');
  await insertVariedRows(world, 'phoenix');
  await world.asOwner(
    `update public.tenants
     set name = 'Phoenix Inc', paid_until = '2031-01-01', on_trial = false, settings = '{"ACCESS_TOKEN_LIFETIME": 60}', key_generation = 4
     where schema_name = 'phoenix'`,
  );
  const before = await rowsOf(world, 'phoenix');
  const file = join(folder, 'phoenix.tenant');
  await dumpTenant(world.owner, 'phoenix', {
    project: world.fleet.project,
    file,
    overwrite: false,
    declarations: TABLES,
  });
  await purge('phoenix');

  const restored = await restore(world, { file });
  t.true(restored.sameId);
  t.is(restored.id, id);
  t.deepEqual(restored.leftOut, ['outbox', 'refresh_tokens', 'sessions']);
  t.deepEqual(await rowsOf(world, 'phoenix'), withoutSessions(before));
  const [row] = await world.asOwner(
    `select name, paid_until::text, on_trial, settings, key_generation > 1000 as new_keys, status from public.tenants where id = $1`,
    [id],
  );
  t.deepEqual(row, {
    name: 'Phoenix Inc',
    paid_until: '2031-01-01',
    on_trial: false,
    settings: { ACCESS_TOKEN_LIFETIME: 60 },
    new_keys: true,
    status: 'active',
  });
});

test('continues identities and sequences', async (t) => {
  await restore(world, { schema: 'goes_on', domains: ['goes-on.localhost'] });
  const ids = `select id from goes_on.animals where name = 'new'`;
  await world.asOwner(
    `begin; set local search_path = goes_on; insert into animals (name) values ('new'); commit`,
  );
  t.deepEqual(
    await world.asOwner(ids),
    [{ id: '5' }],
    'the fourth was deleted, and its number is not given out again',
  );
  t.deepEqual(await world.asOwner(`insert into goes_on.keepers default values returning id`), [{ id: 2 }]);
  t.deepEqual(await world.asOwner(`select nextval('goes_on.tickets')`), [{ nextval: '1000001' }]);
});

test('fires no triggers for restored rows, and fires them for later rows', async (t) => {
  await restore(world, { schema: 'quiet', domains: ['quiet.localhost'] });
  t.deepEqual((await rowsOf(world, 'quiet')).changes, (await rowsOf(world, 'zoo')).changes);
  await world.asOwner(
    `begin; set local search_path = quiet; insert into animals (name) values ('loud'); commit`,
  );
  const changes = await world.asOwner(`select what from quiet.changes where what like '%loud'`);
  t.is(changes.length, 2, 'one trigger each, and none of the one that is off');
});

test('omits sessions, pending mail and audit events from a copy next to the original', async (t) => {
  const beside = await restore(world, { schema: 'beside', domains: ['beside.localhost'] });
  t.deepEqual(beside.leftOut, ['audit_events', 'outbox', 'refresh_tokens', 'sessions']);
  const rows = await rowsOf(world, 'beside');
  t.deepEqual([rows.outbox, rows.refresh_tokens], [[], []]);
  t.is(rows.users?.length, 1);
});

test('omits audit events with --as-copy although the original is gone', async (t) => {
  await world.provision('lost');
  await insertVariedRows(world, 'lost');
  const file = join(folder, 'lost.tenant');
  await dumpTenant(world.owner, 'lost', {
    project: world.fleet.project,
    file,
    overwrite: false,
    declarations: TABLES,
  });
  await purge('lost');
  const restored = await restore(world, { file, asCopy: true });
  t.deepEqual(restored.leftOut, ['audit_events', 'outbox', 'refresh_tokens', 'sessions']);
  t.deepEqual((await rowsOf(world, 'lost')).refresh_tokens, []);
});

test('omits rows of tables declared never', async (t) => {
  const file = join(folder, 'declared.tenant');
  const { manifest } = await dumpTenant(world.owner, 'zoo', {
    project: world.fleet.project,
    file,
    overwrite: false,
    declarations: TABLES,
  });
  const count = (name: string) => manifest.tables.find((table) => table.name === name)?.rows;
  t.deepEqual([count('sessions'), count('refresh_tokens'), count('outbox')], [0, 0, 0]);
  t.deepEqual([count('users'), count('audit_events')], [1, 1]);
});

test('does not restore rows of tables declared never, or of their partitions, from a dump of older code', async (t) => {
  await world.provision('former');
  await insertVariedRows(world, 'former');
  const file = join(folder, 'former.tenant');
  const { manifest } = await dumpTenant(world.owner, 'former', {
    project: world.fleet.project,
    file,
    overwrite: false,
    declarations: {},
  });
  const dumped = (name: string) => manifest.tables.find((table) => table.name === name)?.rows;
  t.deepEqual([dumped('sessions'), dumped('refresh_tokens'), dumped('outbox')], [1, 1, 1]);
  await purge('former');
  const { leftOut } = await restoreTenant(
    world.owner,
    { name: 'main', owner: world.owner, service: world.service },
    {
      project: world.fleet.project,
      file,
      schema: null,
      domains: [],
      asCopy: false,
      declarations: { ...TABLES, readings: { dump: 'never' } },
    },
  );
  const rows = await rowsOf(world, 'former');
  t.true(leftOut.includes('readings_2025'), leftOut.join());
  for (const name of leftOut) {
    t.deepEqual(rows[name], [], name);
  }
  t.is(rows.users?.length, 1);
});

test('creates different keys in two restores of one dump', async (t) => {
  const generations = new Set<unknown>();
  for (const name of ['first', 'other']) {
    const { id } = await restore(world, { schema: `keys_${name}`, domains: [`keys-${name}.localhost`] });
    const [row] = await world.asOwner('select key_generation from public.tenants where id = $1', [id]);
    generations.add(row?.key_generation);
  }
  t.is(generations.size, 2);
});

test('restores a dump of an older schema at its version, and migrates it forward', async (t) => {
  await world.provision('older');
  const [before, last] = migrationsOn('tenant', await loadTenantMigrations(world.fleet.project))
    .map(({ name }) => name)
    .slice(-2);
  await world.asOwner(`insert into older.users (username, password) values ('old', 'x')`);
  await migrate(world.owner, world.fleet, { schema: 'older', to: before });
  t.deepEqual(await world.asOwner(`select migrated_to from public.tenants where schema_name = 'older'`), [
    { migrated_to: before },
  ]);
  const file = join(folder, 'older.tenant');
  await dumpTenant(world.owner, 'older', {
    project: world.fleet.project,
    file,
    overwrite: false,
    declarations: TABLES,
  });
  await restore(world, { file, schema: 'newer', domains: ['newer.localhost'] });
  const [row] = await world.asOwner(`select migrated_to from public.tenants where schema_name = 'newer'`);
  t.deepEqual(row, { migrated_to: last });
  const rows = await rowsOf(world, 'newer');
  t.is(rows.users?.length, 1);
  t.deepEqual([rows.notes, rows.kinds?.length], [[], 2]);
});

// Rejected dumps. None of them creates anything.
