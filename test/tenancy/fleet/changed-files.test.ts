// SQL files that were changed after they were applied: found by migrate, migrate-status and check.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';

import { defineApp } from '../../../src/definition/define-app.ts';
import { defineProject } from '../../../src/definition/define-project.ts';
import { type MigrateOptions, migrate } from '../../../src/tenancy/fleet/migrate.ts';
import { planMigration } from '../../../src/tenancy/fleet/plan-migration.ts';
import { run } from '../../cli/run.ts';
import { environmentOf } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';

const ACTIONS = pathToFileURL(
  path.resolve(import.meta.dirname, '../../../src/tenancy/migrations/migration-sql.ts'),
).href;
const TABLE = 'create table boxes (id bigint generated always as identity, name text, primary key (id));\n';

let folder: string;
let world: World;
let project: ReturnType<typeof defineProject>;

const file = (name: string): string => path.join(folder, 'sql', name);
const write = (name: string, text: string): Promise<void> => writeFile(file(name), text);

test.before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'koa-tenants-changed-'));
  for (const name of ['sql/global', 'sql/concurrent', 'migrations/global', 'migrations/concurrent']) {
    await mkdir(path.join(folder, name), { recursive: true });
  }
  await write('boxes.sql', TABLE);
  await write('boxes-down.sql', 'drop table boxes;');
  await write('global/sizes.sql', 'create table sizes (code text primary key);');
  await write('concurrent/index.sql', 'create index concurrently boxes__name on boxes (name);');
  const migration = (name: string, text: string): Promise<void> =>
    writeFile(
      path.join(folder, 'migrations', name),
      `import { concurrentSql, globalSql, tenantSql } from '${ACTIONS}';\n${text}\n`,
    );
  await migration(
    '20260101000000000_boxes.ts',
    `export const up = tenantSql('boxes.sql'); export const down = tenantSql('boxes-down.sql');`,
  );
  await migration('global/20260101000000000_sizes.ts', `export const up = globalSql('sizes.sql');`);
  await migration('concurrent/20260102000000000_index.ts', `export const up = concurrentSql('index.sql');`);
  project = defineProject({ apps: [defineApp({ name: 'boxes', directory: folder })] });
  world = await openWorld({ project });
});
test.after.always(async () => {
  await world?.close();
  await rm(folder, { recursive: true, force: true });
});

const changedBy = async (options: MigrateOptions = {}): Promise<readonly string[]> =>
  (await migrate(world.owner, { ...world.fleet, project }, options)).changed.map(({ name }) => name);
const recorded = async (): Promise<readonly string[]> =>
  (
    await world.asOwner<{ name: string }>(
      `select m.kind || ' ' || m.name as name from tenancy_migrations.digests as m order by m.kind, m.name`,
    )
  ).map(({ name }) => name);

const BOXES = '20260101000000000_boxes';
const INDEX = '20260102000000000_boxes_index';
const SIZES = '20260101000000000_boxes_sizes';

test.serial('records the files of applied migrations on the first run', async (t) => {
  // As an earlier release stored them: applied, without digests.
  await world.asOwner('truncate tenancy_migrations.digests');
  t.deepEqual(await changedBy(), []);
  const shared = (await readdir(path.join(import.meta.dirname, '../../../migrations/shared'))).sort();
  t.deepEqual(await recorded(), [
    `global ${SIZES}`,
    ...shared.map((name) => `shared ${path.parse(name).name}`),
    `tenant ${BOXES}`,
    `tenant ${INDEX}`,
  ]);
});

test.serial('reports a changed file until it is restored, and ignores changes of formatting', async (t) => {
  for (const [name, text, changed] of [
    ['boxes.sql', TABLE.replace('name text', 'name citext'), BOXES],
    ['global/sizes.sql', 'create table sizes (code text primary key, name text);', SIZES],
    ['concurrent/index.sql', 'create index concurrently boxes__name on boxes (lower(name));', INDEX],
  ] as const) {
    const before = await readFile(file(name), 'utf8');
    await write(name, text);
    t.deepEqual(await changedBy(), [changed]);
    t.deepEqual(await changedBy(), [changed], 'a report does not accept the change');
    const plan = await planMigration(world.owner, { ...world.fleet, project });
    t.deepEqual(plan.changed, [{ name: changed, files: [file(name)] }]);
    await write(name, `-- Restored.\r\n${before}`);
    t.deepEqual(await changedBy(), []);
    await write(name, before);
  }
});

test.serial('records the new text with --accept-changed', async (t) => {
  await write('boxes.sql', TABLE.replace('name text', 'name text null'));
  t.deepEqual(await changedBy({ acceptChanged: true }), []);
  t.deepEqual(await changedBy(), []);
  await write('boxes.sql', TABLE);
  t.deepEqual(await changedBy(), [BOXES]);
  t.deepEqual(await changedBy({ acceptChanged: true }), []);
});

test.serial('accepts a change of a migration that was undone in every tenant', async (t) => {
  await world.asOwner(`delete from tenancy_migrations.${world.acme.role} where name = '${INDEX}'`);
  await world.asOwner(`delete from tenancy_migrations.${world.globex.role} where name = '${INDEX}'`);
  await changedBy({ to: 'zero', histories: true });
  t.false((await recorded()).includes(`tenant ${BOXES}`));
  await write('boxes.sql', TABLE.replace('name text', 'name text not null'));
  t.deepEqual(await changedBy(), []);
  t.true((await recorded()).includes(`tenant ${BOXES}`));
  await write('boxes.sql', TABLE);
  t.deepEqual(await changedBy(), [BOXES]);
});

test.serial('does not record a file that no tenant has applied', async (t) => {
  const own = await openWorld({ project });
  try {
    await own.asOwner('delete from tenancy_migrations.digests');
    await own.asOwner(
      `update public.tenants set status = 'deleted', deleted_at = now() where type <> 'site'`,
    );
    await migrate(own.owner, { ...own.fleet, project });
    const rows = await own.asOwner(`select from tenancy_migrations.digests where kind = 'tenant'`);
    t.deepEqual(rows, []);
  } finally {
    await own.close();
  }
});

test.serial('names the file and the fix in migrate, migrate-status and check', async (t) => {
  const cli = await openWorld();
  try {
    const env = environmentOf(cli);
    const first = await run('cli.ts', ['migrate'], env);
    t.is(first.code, 0, first.err);
    t.notRegex(first.err, /changed/);
    await cli.asOwner(`update tenancy_migrations.digests set digest = '0' where name ~ '_fixture_notes$'`);
    const line =
      /fixture-app\/notes\/sql\/\w+\.sql \(\d+_fixture_notes\).* has changed since it was applied.*Restore the file/;
    const migrated = await run('cli.ts', ['migrate'], env);
    t.is(migrated.code, 0, migrated.err);
    t.regex(migrated.err, line);
    t.regex((await run('cli.ts', ['migrate-status'], env)).out, line);
    const json = JSON.parse((await run('cli.ts', ['migrate', '--json'], env)).out);
    t.is(json.changed.length, 1);
    const checked = await run('cli.ts', ['check'], env);
    t.is(checked.code, 1);
    t.regex(checked.out, /^migration-files {2}test\/fixture-app\/notes\/sql/m);
    t.is((await run('cli.ts', ['migrate', '--accept-changed'], env)).code, 0);
    t.notRegex((await run('cli.ts', ['check'], env)).out, /migration-files/);
  } finally {
    await cli.close();
  }
});
