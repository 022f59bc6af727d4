import { once } from 'node:events';
import { join } from 'node:path';
import test from 'ava';
import pg from 'pg';
import { commandLineOf, isPlain, start } from '../../cli/run.ts';
import { environmentOf, until } from '../../helpers/server.ts';
import { makeWorkingCopy, type WorkingCopy } from '../../helpers/working-copy.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { readVersions, schemasWithColumn } from './release.ts';

const FLEET = ['acme', 'globex', 'hooli', 'initech', 'soylent', 'umbrella'];
const COLOUR = '29990101000001000_fixture_notes_colour';

let world: World;
let later: WorkingCopy;
/** Runs a command of the later release. */
let tenants: ReturnType<typeof commandLineOf>;
test.serial.before(async () => {
  world = await openWorld();
  for (const schema of FLEET.slice(2)) {
    await world.provision(schema);
  }
  later = await makeWorkingCopy({
    'test/fixture-app/notes/migrations/29990101000001000_colour.ts': `
      import { tenantSql } from '../../../../src/tenancy/migrations/migration-sql.ts';
      export const up = tenantSql('colour.sql');
      export const down = tenantSql('colour-down.sql');`,
    'test/fixture-app/notes/sql/colour.sql': 'alter table notes add column colour text; -- the end',
    'test/fixture-app/notes/sql/colour-down.sql': 'alter table notes drop column colour',
  });
  tenants = commandLineOf(later.folder, environmentOf(world));
});
test.after.always(async () => {
  await world?.close();
  await later?.remove();
});

/** Returns for each tenant whether the column, the migration history and the registry row have the migration. */
const versions = async (): Promise<boolean[][]> => {
  const has = await schemasWithColumn(world, 'colour');
  return Promise.all(
    (await readVersions(world)).map(async ({ schema, migrated_to }) => {
      const [history] = await world.asOwner<{ there: boolean }>(
        `select exists (
           select from tenancy_migrations.${await roleOf(schema)} as m where m.name = $1
         ) as there`,
        [COLOUR],
      );
      return [has.includes(schema), migrated_to === COLOUR, history?.there === true];
    }),
  );
};

const roleOf = async (schema: string): Promise<string> => {
  const [row] = await world.asOwner<{ role_name: string }>(
    'select role_name from public.tenants where schema_name = $1',
    [schema],
  );
  return row?.role_name ?? '';
};

test.serial(
  'leaves every tenant at one of two versions after a killed run, and the next run finishes',
  async (t) => {
    // The fourth tenant is locked, so the run waits in its transaction when it is killed.
    const user = new pg.Client(world.owner);
    await user.connect();
    await user.query('begin');
    await user.query('lock table initech.notes in access share mode');
    const child = await start(
      join(later.folder, 'test/fixture-app/cli.ts'),
      ['migrate', '--jobs', '1'],
      environmentOf(world),
    );
    await until(
      () => schemasWithColumn(world, 'colour'),
      (found) => found.length === 3,
    );
    t.is(child.exitCode, null);
    child.kill('SIGKILL');
    await once(child, 'close');
    // PostgreSQL still completes what it has begun.
    await until(
      () =>
        world.asOwner(
          `select from pg_stat_activity
           where application_name = 'koa-tenants migrate' and datname = current_database()`,
        ),
      (rows) => rows.length === 0,
    );
    await user.end();
    const after = await versions();
    for (const facts of after) {
      t.is(new Set(facts).size, 1, JSON.stringify(after));
    }
    t.true(after.some(([has]) => has) && after.some(([has]) => !has), 'it was killed in the middle');

    const again = await tenants('migrate');
    t.is(again.code, 0, again.err);
    t.deepEqual(
      await versions(),
      FLEET.map(() => [true, true, true]),
    );
  },
);

test.serial('reports that there is nothing to migrate, and --check exits 0', async (t) => {
  for (const args of [['--check'], ['--plan'], []]) {
    const ran = await tenants('migrate', ...args);
    t.deepEqual([ran.code, ran.out], [0, ''], ran.err);
    t.regex(ran.err, /^Nothing to migrate/);
  }
});

test.serial(
  'finds a rewritten function with check, and restores it only with migrate --reinstall',
  async (t) => {
    await world.asOwner('alter function tenancy.enter(uuid, bigint, text) security invoker');
    const found = await tenants('check');
    t.is(found.code, 1);
    t.regex(
      found.out,
      /^rewritten-functions {2}function tenancy\.enter\(uuid, bigint, text\): .*tenants migrate --reinstall$/m,
    );
    t.regex((await tenants('migrate')).err, /^Nothing to migrate/);
    const planned = await tenants('migrate', '--reinstall', '--plan');
    t.deepEqual(
      [planned.code, planned.out],
      [0, 'shared   reinstall roles, functions, keys, grants and hardening\n'],
    );
    t.is((await tenants('check')).code, 1, 'a plan changes nothing');

    const reinstalled = await world.alone(() => tenants('migrate', '--reinstall'));
    t.is(reinstalled.code, 0, reinstalled.err);
    t.regex(reinstalled.err, /^Migrated \(context: guarded\)/);
    t.is((await tenants('check', '--fail-on', 'fault')).code, 0);
  },
);

test.serial('undoes migrations only after a confirmation', async (t) => {
  const silent = await tenants('migrate', '--to', 'fixture_people_logins');
  t.is(silent.code, 1);
  isPlain(t, silent);
  t.regex(silent.err, /This undoes 29990101000001000_fixture_notes_colour in 6 tenants.*--yes/);
  t.is((await schemasWithColumn(world, 'colour')).length, FLEET.length);

  const planned = await tenants('migrate', '--to', 'fixture_people_logins', '--plan');
  t.is(planned.code, 0);
  t.regex(planned.out, /^acme {3}undo 29990101000001000_fixture_notes_colour$/m);

  const agreed = await tenants('migrate', '--to', 'fixture_people_logins', '--yes', '--json');
  t.is(agreed.code, 0, agreed.err);
  t.is(JSON.parse(agreed.out).undone.length, FLEET.length);
  t.deepEqual(await schemasWithColumn(world, 'colour'), []);
});

test.serial(
  'exits 1 with --check and lists pending migrations with --plan, without applying them',
  async (t) => {
    const check = await tenants('migrate', '--check');
    t.deepEqual([check.code, check.err], [1, '6 tenants to migrate.\n']);
    const json = await tenants('migrate', '--check', '--json');
    t.is(json.code, 1);
    t.like(JSON.parse(json.out), { install: false, tenants: { length: FLEET.length } });
    const plan = await tenants('migrate', '--plan', '--schema', 'acme');
    t.deepEqual([plan.code, plan.out], [0, `acme   ${COLOUR}\n`]);
    t.deepEqual(await schemasWithColumn(world, 'colour'), []);
  },
);

test.serial('continues after a successful canary when there is no terminal for a question', async (t) => {
  const ran = await tenants('migrate', '--canary', '1', '--jobs', '4');
  t.is(ran.code, 0, ran.err);
  t.regex(ran.err, /1 tenant migrated; 5 tenants remaining\./);
  t.regex(ran.err, /Migrated 6 tenants \(context: guarded\)\.\n$/);
  t.regex(ran.out, /^globex {3}29990101000001000_fixture_notes_colour$/m);
});

test.serial('exits 1 with one sentence when a tenant fails, and prints the report with --json', async (t) => {
  t.is((await tenants('migrate', '--to', 'fixture_people_logins', '--yes')).code, 0);
  await world.asOwner('alter table globex.notes add column colour text');
  const ran = await tenants('migrate', '--continue-on-error', '--json');
  t.is(ran.code, 1);
  t.like(JSON.parse(ran.out), { left: 0, failures: [{ schema: 'globex' }], tenants: { length: 5 } });
  t.regex(
    ran.err,
    /1 tenant failed: globex: 29990101000001000_fixture_notes_colour: column "colour".*already exists \(.*colour\.sql, line \d+: alter table notes add column colour/,
  );
  t.notRegex(ran.err, /^\s+at /m);

  const faked = await tenants('migrate', '--schema', 'globex', '--fake');
  t.is(faked.code, 0, faked.err);
  t.is((await tenants('migrate', '--check')).code, 0);
  t.deepEqual(await world.asOwner('select tenant_id from tenancy.migration_failures'), []);
});

for (const args of [
  ['--jobs', '0'],
  ['--jobs', 'many'],
  ['--jobs', '65'],
  ['--canary', '0'],
  ['--canary', '1.5'],
  ['--to', 'nonsense'],
  ['--to', ''],
  ['--shared', '--to', 'zero'],
  ['--shared', '--fake'],
  ['--shared', '--schema', 'acme'],
  ['--reinstall', '--tenant'],
  ['--fake', '--check'],
]) {
  test.serial(`exits 2 on wrong usage: migrate ${args.join(' ')}`, async (t) => {
    const ran = await tenants('migrate', ...args);
    t.is(ran.code, 2, ran.err);
    isPlain(t, ran);
  });
}
