import test from 'ava';
import pg from 'pg';
import { type MigrateOptions, MigrationStopped, migrate } from '../../../src/tenancy/fleet/migrate.ts';
import { indexChangeOf } from '../../../src/tenancy/migrations/concurrent-statement.ts';
import { migrateInside } from '../../../src/tenancy/migrations/migrate-tenant.ts';
import { concurrentSql } from '../../../src/tenancy/migrations/migration-sql.ts';
import type { TenantMigration } from '../../../src/tenancy/migrations/tenant-migrations.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { laterRelease, migration, readVersions, schemasWithColumn, undoMigrations } from './release.ts';

let world: World;
test.serial.before(async () => {
  world = await openWorld();
});
test.after.always(() => world?.close());

const run = (migrations: readonly TenantMigration[], options: MigrateOptions = {}) =>
  migrate(world.owner, world.fleet, { migrations, ...options });

const index = migration(
  2,
  '-- Found by name.\ncreate index concurrently if not exists notes__name on notes (name)',
  { down: 'drop index concurrently if exists notes__name', concurrent: true },
);

/** Returns `schema name validity` of every index that a test created. */
const indexes = async (): Promise<string[]> =>
  (
    await world.asOwner<{ line: string }>(
      `select format('%s %s %s', c.relnamespace::regnamespace, c.relname, case when i.indisvalid then 'valid' else 'invalid' end) as line
       from pg_index as i
       join pg_class as c on c.oid = i.indexrelid
       where c.relname like 'notes\\_\\_name%'
       order by 1`,
    )
  ).map(({ line }) => line);

test.serial('builds an index outside a transaction, as a separate step, and records it', async (t) => {
  const migrations = await laterRelease(index);
  const report = await run(migrations);
  t.deepEqual(report.tenants, []);
  t.deepEqual(
    [...report.concurrent].sort((a, b) => (a.schema < b.schema ? -1 : 1)),
    ['acme', 'globex'].map((schema) => ({ schema, applied: [index.name] })),
  );
  t.deepEqual(await indexes(), ['acme notes__name valid', 'globex notes__name valid']);
  t.true((await readVersions(world)).every(({ concurrent_to }) => concurrent_to === index.name));
  t.like(await run(migrations), { concurrent: [] });
  await undoMigrations(world, migrations);
  t.deepEqual(await indexes(), []);
});

test.serial('applies transactional and concurrent migrations in order of time', async (t) => {
  const using = migration(3, 'alter table notes add constraint notes__name unique using index notes__name');
  const unique = migration(2, 'create unique index concurrently notes__name on notes (name)', {
    concurrent: true,
    down: 'drop index concurrently if exists notes__name',
  });
  const migrations = await laterRelease(
    migration(1, 'alter table notes add column colour text'),
    unique,
    using,
  );
  const report = await run(migrations, { schema: 'acme' });
  t.deepEqual(
    report.tenants.map(({ applied }) => applied),
    [[migrations.at(-3)?.name], [using.name]],
  );
  t.deepEqual(await world.asOwner(`select conname from pg_constraint where conname = 'notes__name'`), [
    { conname: 'notes__name' },
  ]);
  await world.asOwner('alter table acme.notes drop constraint notes__name, drop column colour');
  await undoMigrations(
    world,
    await laterRelease(
      migration(1, '', { down: 'select' }),
      migration(2, '', { down: 'drop index concurrently if exists notes__name', concurrent: true }),
      migration(3, '', { down: 'select' }),
    ),
  );
});

test.serial('drops and rebuilds an invalid index that a crash left', async (t) => {
  await world.asOwner('create index notes__name on acme.notes (name)');
  await world.asOwner(
    `update pg_index set indisvalid = false where indexrelid = 'acme.notes__name'::regclass`,
  );
  t.deepEqual(await indexes(), ['acme notes__name invalid']);
  const migrations = await laterRelease(index);
  await run(migrations);
  t.deepEqual(await indexes(), ['acme notes__name valid', 'globex notes__name valid']);
  await undoMigrations(world, migrations);
});

test.serial('only records an index that was built before the crash', async (t) => {
  // Without "if not exists", which the file need not contain.
  const bare = migration(2, 'create index concurrently notes__name on notes (name)', {
    concurrent: true,
    down: 'drop index concurrently notes__name',
  });
  await world.asOwner('create index notes__name on acme.notes (name)');
  const migrations = await laterRelease(bare);
  t.is((await run(migrations)).concurrent.length, 2);
  await world.asOwner('drop index acme.notes__name');
  await undoMigrations(world, migrations);
  t.deepEqual(await indexes(), [], 'and a missing one is only removed from the history');
});

test.serial('leaves no invalid index after a unique index failed, and records the failure', async (t) => {
  const unique = migration(2, 'create unique index concurrently notes__name on notes (name)', {
    concurrent: true,
    down: 'drop index concurrently notes__name',
  });
  const migrations = await laterRelease(unique);
  await world.asOwner(`insert into acme.notes (name) values ('twice'), ('twice')`);
  const error = await t.throwsAsync<MigrationStopped>(run(migrations, { continueOnError: true }), {
    instanceOf: MigrationStopped,
  });
  t.like(error?.report, { failures: [{ schema: 'acme' }], concurrent: [{ schema: 'globex' }] });
  t.deepEqual(await indexes(), ['globex notes__name valid']);
  await t.throwsAsync(run(migrations), { instanceOf: MigrationStopped });
  t.deepEqual(await world.asOwner('select migration, attempts from tenancy.migration_failures'), [
    { migration: unique.name, attempts: 2 },
  ]);
  await world.asOwner(`delete from acme.notes where name = 'twice'`);
  await run(migrations);
  t.deepEqual(await world.asOwner('select migration from tenancy.migration_failures'), []);
  await undoMigrations(world, migrations);
});

test.serial('builds each index once in two concurrent runs', async (t) => {
  const migrations = await laterRelease(index);
  const reports = await Promise.all([run(migrations), run(migrations)]);
  t.deepEqual(reports.flatMap(({ concurrent }) => concurrent.map(({ schema }) => schema)).sort(), [
    'acme',
    'globex',
  ]);
  t.deepEqual(await indexes(), ['acme notes__name valid', 'globex notes__name valid']);
  await undoMigrations(world, migrations);
});

test.serial('accepts writes while an index is built', async (t) => {
  const migrations = await laterRelease(index);
  const client = new pg.Client(world.owner);
  await client.connect();
  await client.query('begin');
  await client.query(`insert into acme.notes (name) values ('open')`);
  // CREATE INDEX CONCURRENTLY waits for this transaction, and others do not wait for it.
  const running = run(migrations, { schema: 'acme' });
  await world.asOwner(`insert into acme.notes (name) values ('meanwhile')`);
  await client.query('commit');
  await client.end();
  t.is((await running).concurrent.length, 1);
  await world.asOwner(`delete from acme.notes`);
  await undoMigrations(world, migrations);
});

test.serial('builds the indexes of a new schema in the transaction that creates it', async (t) => {
  const migrations = await laterRelease(index);
  const client = new pg.Client(world.owner);
  await client.connect();
  try {
    await client.query('begin');
    const applied = await migrateInside(client, world.acme, { migrations });
    t.deepEqual(applied, [index.name]);
    const { rows } = await client.query(`select 'acme.notes__name'::regclass::text as name`);
    t.deepEqual(rows, [{ name: 'acme.notes__name' }]);
  } finally {
    await client.end();
  }
  t.deepEqual(await indexes(), []);
});

for (const [what, text, message] of [
  ['a statement without the word', 'create index notes__name on notes (name)', /migrations\/tenant\//],
  ['an index without a name', 'create index concurrently on notes (name)', /must have a name/],
] as const) {
  test.serial(`rejects ${what} outside a transaction`, async (t) => {
    const error = await t.throwsAsync<MigrationStopped>(
      run(await laterRelease(migration(2, text, { concurrent: true }))),
    );
    t.regex(error?.message ?? '', message);
    t.deepEqual(await indexes(), []);
    await world.asOwner('delete from tenancy.migration_failures');
  });
}

test.serial('rejects a migration in the wrong folder, and rolls it back', async (t) => {
  const misplaced: TenantMigration = { ...migration(1, ''), up: (pgm) => concurrentSql()(pgm, '.') };
  const error = await t.throwsAsync<MigrationStopped>(run(await laterRelease(misplaced)));
  t.regex(error?.message ?? '', /belongs in migrations\/tenant-concurrent\//);
  t.deepEqual(await schemasWithColumn(world, 'colour'), []);
  await world.asOwner('delete from tenancy.migration_failures');
});

for (const [text, change] of [
  ['create index concurrently a on t (x)', { does: 'create', index: 'a' }],
  ['CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS Abc ON t (x)', { does: 'create', index: 'abc' }],
  ['-- why\n/* and */ create index concurrently "A ""b""" on t (x)', { does: 'create', index: 'A "b"' }],
  ['drop index concurrently if exists a', { does: 'drop', index: 'a' }],
  ['reindex index concurrently a', null],
] as const) {
  test(`finds the index in ${JSON.stringify(text)}`, (t) => {
    t.deepEqual(indexChangeOf(text), change);
  });
}
