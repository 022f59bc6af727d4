import test from 'ava';
import { parseProofKeys } from '../../../src/tenancy/context/keys.ts';
import { migrate } from '../../../src/tenancy/fleet/migrate.ts';
import { planMigration } from '../../../src/tenancy/fleet/plan-migration.ts';
import { keepSpares } from '../../../src/tenancy/fleet/spares.ts';
import { run } from '../../cli/run.ts';
import { environmentOf, serve } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { laterRelease, migration } from './release.ts';

const NEWER = `
  insert into tenancy_migrations.shared (name, run_on) values ('29990101000000000_of-the-next-release', now());
  create function tenancy.next_release() returns integer language sql as 'select 1';
  alter function tenancy.next_release() owner to tenancy_owner;
  create or replace function tenancy.version() returns table (fingerprint text, context_mode text)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    as 'select i.fingerprint, i.context_mode from tenancy.installation as i where true';
  update tenancy.installation set fingerprint = 'of the next release'`;

let world: World;
test.serial.before(async () => {
  world = await openWorld();
  await world.asOwner(NEWER);
});
test.after.always(() => world?.close());

const bodyOf = async (): Promise<unknown> =>
  (await world.asOwner(`select prosrc from pg_proc where oid = 'tenancy.version()'::regprocedure`))[0];

test.serial('starts and serves after a rollback to the previous release, with a warning', async (t) => {
  const service = await serve(world);
  t.teardown(service.close);
  t.true(service.warnings.some((warning) => /belongs to a newer release than this code/.test(warning)));
  t.is((await service.request('localhost', 'GET', '/readyz')).status, 200);
  t.is((await service.request('acme.localhost', 'GET', '/nowhere')).body.detail, 'Not found.');
});

test.serial('does not start when an isolation check fails', async (t) => {
  await world.asOwner('alter table acme.notes no force row level security');
  await t.throwsAsync(serve(world), { message: /acme\.notes/ });
  await world.asOwner('alter table acme.notes force row level security');
});

test.serial('migrates tenants without replacing the newer shared schema', async (t) => {
  const before = await bodyOf();
  const migrations = await laterRelease(migration(1, 'alter table notes add column colour text'));
  const plan = await planMigration(world.owner, world.fleet, { migrations });
  t.deepEqual(
    [plan.install, plan.shared, plan.tenants.map(({ schema }) => schema)],
    [false, [], ['acme', 'globex']],
  );
  const report = await migrate(world.owner, world.fleet, { migrations });
  t.false(report.installed);
  t.is(report.tenants.length, 2);
  t.deepEqual(await bodyOf(), before);
  t.is(await keepSpares(world.owner, world.fleet, 1, new AbortController().signal), null);
});

test.serial('rejects changes to the newer shared schema, and names the fix', async (t) => {
  const keys = parseProofKeys('other:a-third-secret-of-more-than-32-characters');
  const before = await bodyOf();
  for (const work of [
    () => migrate(world.owner, world.fleet, { reinstall: true }),
    () => migrate(world.owner, { ...world.fleet, keys }),
  ]) {
    await t.throwsAsync(work(), {
      code: 'precondition_failed',
      message: /belongs to a newer release .* `migrate` of that release/,
    } as never);
  }
  t.deepEqual(await bodyOf(), before);
  const ran = await run('cli.ts', ['migrate'], environmentOf(world));
  t.is(ran.code, 0, ran.err);
  t.regex(ran.err + ran.out, /newer release/);
});

test.serial('does not serve a shared schema of an unknown release', async (t) => {
  await world.asOwner(`delete from tenancy_migrations.shared where name not like '2999%'`);
  await t.throwsAsync(serve(world), { message: /tenants migrate, with the release to run/ });
});
