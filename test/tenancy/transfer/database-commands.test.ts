import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';

import { prepareUser } from '../../../src/apps/accounts/commands/accounts.ts';
import { readConfig } from '../../../src/config/config.ts';
import { runChecks } from '../../../src/db/checks.ts';
import { listOperationKinds } from '../../../src/operations/list-kinds.ts';
import { enterAsOwner, withTenantAsOwner } from '../../../src/tenancy/context/with-owner-tenant.ts';
import { provisionOn } from '../../../src/tenancy/lifecycle/provision-on.ts';
import { parseDomainName, parseSchemaName } from '../../../src/tenancy/registry/tenant.ts';
import { isPlain, type Ran, run } from '../../cli/run.ts';
import { servedProject } from '../../fixture-app/served-project.ts';
import { freePort } from '../../helpers/free-port.ts';
import { makeUser, PASSWORD, type TestService, until } from '../../helpers/server.ts';
import type { World } from '../../helpers/world.ts';
import { OPERATOR, operatorsOf } from '../operations/open-operators.ts';
import { createOn } from './create-on.ts';
import type { Premium } from './premium.ts';
import { traces } from './traces.ts';
import { openTwoDatabases, type TwoDatabases } from './two-databases.ts';

let both: TwoDatabases;
let world: World;
let premium: Premium;
let service: TestService;
let tenants: TwoDatabases['tenants'];
let folder: string;
test.serial.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koa-tenants-database-commands-'));
  both = await openTwoDatabases();
  ({ world, premium, service, tenants } = both);
  await create('vip');
  const inTenant: World['inTenant'] = (...args) => withTenantAsOwner(premium.database.owner, ...args);
  await makeUser({ inTenant }, 'vip', 'victor');
  await premium.asOwner(`insert into vip.notes (name) values ('Far away')`);
});
test.after.always(async () => {
  await both?.close();
  await rm(folder, { recursive: true, force: true });
});

const withInput = (input: string, ...args: readonly string[]): Promise<Ran> =>
  run('served-cli.ts', args, premium.env, input);
const create = (schema: string) => createOn(world, premium.database, schema);

test.serial('migrates every database, and records the versions on main', async (t) => {
  const last = await premium.asOwner<{ migrated_to: string }>(
    `select migrated_to from public.tenants where schema_name = 'vip'`,
  );
  for (const where of [premium, world]) {
    await where.asOwner(`update public.tenants set migrated_to = null where schema_name = 'vip'`);
  }
  const ran = await tenants('migrate', '--json');
  t.is(ran.code, 0, ran.err);
  t.deepEqual(JSON.parse(ran.out).tenants, [], 'its migration history has all of them');
  t.deepEqual(await world.asOwner(`select migrated_to from public.tenants where schema_name = 'vip'`), last);
  const one = await tenants('migrate', '--schema', 'vip');
  t.is(one.code, 0, one.err);
  const none = await tenants('migrate', '--schema', 'nobody');
  t.is(none.code, 1);
  isPlain(t, none);
  const again = await tenants('migrate');
  t.regex(again.err, /^Nothing to migrate/);
});

test.serial('isolates tenants on a further database, and creates no public site there', async (t) => {
  t.deepEqual(await runChecks((text) => premium.asOwner(text), { service: world.service }), []);
  t.deepEqual(await premium.asOwner(`select to_regnamespace('site') as site`), [{ site: null }]);
  t.deepEqual(await premium.asOwner('select database from tenancy.installation'), [{ database: 'premium' }]);
  await premium.asOwner('alter table vip.notes no force row level security');
  const check = await tenants('check');
  await premium.asOwner('alter table vip.notes force row level security');
  t.is(check.code, 1);
  t.regex(check.out, /in database premium: table vip\.notes/);
  t.is((await tenants('check', '--fail-on', 'fault')).code, 0);
});

test.serial('names the unreachable database, and not main', async (t) => {
  const away = new URL(premium.ownerUrl);
  away.port = String(await freePort());
  const ran = await run('served-cli.ts', ['check'], {
    ...premium.env,
    OWNER_DATABASES: `premium=${away.href}`,
  });
  t.is(ran.code, 1);
  t.is(
    ran.err,
    `Cannot connect to PostgreSQL at ${away.host}: connection refused. Start PostgreSQL, or check the URL with this address.\n`,
  );
});

test.serial('runs commands in the database of the tenant', async (t) => {
  const names = await tenants('sql', '--schema', 'vip', '-c', 'select username from users', '--json');
  t.is(names.code, 0, names.err);
  t.deepEqual(
    JSON.parse(names.out)[0].rows.map(({ username }: { username: string }) => username),
    (await premium.asOwner('select username from vip.users order by id')).map(({ username }) => username),
  );
  const dumped = await tenants('dump-data', '--schema', 'vip');
  t.deepEqual([dumped.code, dumped.out.includes('accounts.user')], [0, true], dumped.err);
  for (const args of [['outbox'], ['outbox', '--schema', 'vip'], ['flush-expired-tokens']]) {
    const ran = await tenants(...args);
    t.is(ran.code, 0, ran.err);
  }
  const renamed = await tenants('rename-tenant', '--schema', 'vip', '--to', 'vip_2');
  t.is(renamed.code, 1);
  t.regex(renamed.err, /"vip" is on the database "premium"\. Run `move-tenant --schema vip --to main` first/);
  isPlain(t, renamed);
  const named = await tenants(
    'rename-tenant',
    '--schema',
    'vip',
    '--name',
    'V.I.P.',
    '--domain',
    'v-i-p.localhost',
  );
  t.is(named.code, 0, named.err);
  for (const where of [world, premium]) {
    t.deepEqual(await where.asOwner(`select name from public.tenants where schema_name = 'vip'`), [
      { name: 'V.I.P.' },
    ]);
  }
  await until(
    () => service.request('v-i-p.localhost', 'GET', '/api/notes/'),
    ({ status }) => status === 401,
  );
});

test.serial('moves a tenant between databases by dump, restore and clone', async (t) => {
  const file = join(folder, 'vip.tenant');
  const dumped = await tenants('dump-tenant', '--schema', 'vip', '--out', file);
  t.is(dumped.code, 0, dumped.err);
  const home = await tenants(
    'restore-tenant',
    '--in',
    file,
    '--schema',
    'vip_home',
    '--domain',
    'vip-home.localhost',
  );
  t.is(home.code, 0, home.err);
  t.deepEqual(await world.asOwner('select name from vip_home.notes'), [{ name: 'Far away' }]);
  const back = await tenants(
    'clone-tenant',
    '--from',
    'vip_home',
    '--schema',
    'vip_back',
    '--domain',
    'vip-back.localhost',
    '--database',
    'premium',
  );
  t.is(back.code, 0, back.err);
  t.deepEqual(await premium.asOwner('select name from vip_back.notes'), [{ name: 'Far away' }]);
  const inside = await tenants(
    'clone-tenant',
    '--from',
    'vip',
    '--schema',
    'vip_twin',
    '--domain',
    'vip-twin.localhost',
    '--database',
    'premium',
  );
  t.is(inside.code, 0, inside.err);
  t.truthy(await service.logIn('vip-twin.localhost', 'victor', PASSWORD));
});

test.serial('an operator moves a tenant to another database with an operation, and back', async (t) => {
  const config = readConfig(servedProject, premium.env);
  const kinds = await listOperationKinds(servedProject, config, { ownerService: () => null, owners: null });
  const operators = await operatorsOf(world, kinds);
  const move = async (to: string, given: object = {}) => {
    const { id } = await operators.request({
      ...OPERATOR,
      kind: 'move-tenant',
      tenant: 'mover',
      // Long enough for a machine under load.
      arguments: { to, block_seconds: 30, ...given },
    });
    const worker = await tenants('worker', '--once', '--json');
    t.is(worker.code, 0, worker.err);
    const found = await operators.find(id);
    t.is(found?.status, 'succeeded', JSON.stringify(found?.error));
    return found;
  };
  await world.provision('mover');
  await makeUser(world, 'mover', 'mia');
  const read = async () => {
    const token = await service.logIn('mover.localhost', 'mia', PASSWORD);
    return service.request('mover.localhost', 'GET', '/api/notes/', { token });
  };
  const token = await service.logIn('mover.localhost', 'mia', PASSWORD);
  await service.request('mover.localhost', 'POST', '/api/notes/', { token, body: { name: 'Packed' } });

  await t.throwsAsync(move('nowhere'), { message: /DATABASES has no database with this name/ });
  const there = await move('premium', { keep_days: 0 });
  t.like(there?.result, { from: 'main', to: 'premium' });
  t.true(Number(there?.result?.rows) >= 2);
  t.true((there?.log ?? []).length > 0);
  t.deepEqual(await premium.asOwner('select name from mover.notes'), [{ name: 'Packed' }]);
  t.deepEqual(await world.asOwner(`select to_regnamespace('mover') as here`), [{ here: null }]);
  t.like((await until(read, ({ status }) => status === 200)).body.results, [{ name: 'Packed' }]);
  t.like(await operators.tenant('mover'), { database: 'premium', status: 'active' });
  const { results } = await operators.audit({ limit: 9, offset: 0, action: 'move-tenant', tenant: 'mover' });
  t.like(results[0], { actor: 'olga', source: 'api', operation: there?.id });

  t.deepEqual((await move('main', { abort: true }))?.result, { dropped: [] });
  t.like((await move('main', { keep_days: 0 }))?.result, { from: 'premium', to: 'main' });
  t.like((await until(read, ({ status }) => status === 200)).body.results, [{ name: 'Packed' }]);
  t.deepEqual(service.bugs, []);
});

test.serial('leaves nothing on main of a tenant that fails on its database', async (t) => {
  await premium.asOwner('create schema squatter');
  await t.throwsAsync(create('squatter'), { code: 'schema_name_taken' } as never);
  t.deepEqual(await world.asOwner(`select from public.tenants where schema_name = 'squatter'`), []);
  await premium.asOwner('drop schema squatter');
  await t.notThrowsAsync(create('squatter'));
});

test.serial('rejects a database that is not configured as wrong usage', async (t) => {
  const ran = await tenants(
    'create-tenant',
    '--schema',
    'x',
    '--name',
    'X',
    '--domain',
    'x.localhost',
    '--database',
    'gold',
  );
  t.is(ran.code, 2);
  isPlain(t, ran);
  t.regex(ran.err, /"gold".*main, premium/);
  const half = await run('served-cli.ts', ['list-tenants'], { ...premium.env, DATABASES: '' });
  t.is(half.code, 2);
  t.regex(half.err, /"premium"/);
});

test.serial('leaves no tenant on any database when its superuser cannot be created', async (t) => {
  for (const database of [premium.main, premium.database]) {
    const before = [await traces(world), await traces(premium)];
    const error = await t.throwsAsync(
      provisionOn(
        world.owner,
        { ...database, project: world.fleet.project },
        {
          schema: parseSchemaName('headless'),
          name: 'headless',
          domains: [parseDomainName('headless.localhost')],
        },
        null,
        async (client) => {
          await enterAsOwner(client, 'headless');
          const add = await prepareUser('headless', {
            username: 'not a name',
            email: '',
            password: PASSWORD,
            isSuperuser: true,
          });
          await add(client);
        },
      ),
    );
    t.like(error, { code: 'usage_invalid' });
    t.deepEqual([await traces(world), await traces(premium)], before, database.name);
  }
});

test.serial('creates a tenant and its superuser on the requested database in one command', async (t) => {
  const made = await withInput(
    `${PASSWORD}\n`,
    'create-tenant',
    ...['--schema', 'headed', '--name', 'Headed', '--domain', 'headed.localhost'],
    ...['--database', 'premium', '--superuser', 'chief'],
  );
  t.is(made.code, 0, made.err);
  t.deepEqual(await premium.asOwner('select username, is_superuser from headed.users'), [
    { username: 'chief', is_superuser: true },
  ]);
  t.truthy(await service.logIn('headed.localhost', 'chief', PASSWORD));
});

test.serial('deletes and purges a tenant on its database first, and then on main', async (t) => {
  const id = await create('leaver');
  const host = 'leaver.localhost';
  t.is((await service.request(host, 'GET', '/api/notes/')).status, 401);
  const purged = await tenants('delete-tenant', '--schema', 'leaver', '--purge', '--yes');
  t.is(purged.code, 0, purged.err);
  for (const where of [world, premium]) {
    t.deepEqual(await where.asOwner('select from public.tenants where id = $1', [id]), []);
    t.deepEqual(await where.asOwner(`select to_regnamespace('leaver') as there`), [{ there: null }]);
  }
  t.deepEqual(
    await premium.asOwner('select from pg_roles where rolname = $1', [`t_${id.replaceAll('-', '')}`]),
    [],
  );
  await until(
    () => service.request(host, 'GET', '/api/notes/'),
    ({ status }) => status === 404,
  );
  t.deepEqual(await runChecks((text) => premium.asOwner(text), { service: world.service }), []);
});

test.serial('finishes a purge that was interrupted between two databases', async (t) => {
  const id = await create('cut_off');
  const deleted = await tenants('delete-tenant', '--schema', 'cut_off', '--yes', '--keep-days', '0');
  t.is(deleted.code, 0, deleted.err);
  // The service copies each change, too: an older one may still arrive.
  await until(
    () => premium.asOwner('select status from public.tenants where id = $1', [id]),
    ([row]) => row?.status === 'deleted',
  );
  // As if the process was killed after the other database's last commit.
  await world.asOwner('update public.tenants set purge_started_at = now() where id = $1', [id]);
  await premium.asOwner('drop schema cut_off cascade');
  await premium.asOwner('delete from public.tenants where id = $1', [id]);
  t.is((await tenants('undelete-tenant', '--schema', 'cut_off')).code, 1);
  const dry = await tenants('purge-tenants', '--dry-run');
  t.is(dry.out, 'cut_off would be purged\n');
  const purged = await tenants('purge-tenants');
  t.is(purged.code, 0, purged.err);
  t.is(purged.out, 'cut_off purged\n');
  t.deepEqual(await world.asOwner('select from public.tenants where id = $1', [id]), []);
  t.is((await tenants('purge-tenants')).err, 'Nothing to purge.\n');
});

test.serial('finds drift on every database, and in a single tenant on its database', async (t) => {
  await create('drifter');
  const clean = await tenants('check', '--drift');
  t.is(clean.code, 0, clean.err);
  await premium.asOwner('alter table drifter.notes add column by_hand text');
  for (const args of [[], ['--schema', 'drifter']]) {
    const found = await tenants('check', '--drift', ...args);
    t.is(found.code, 1, found.err);
    t.regex(found.out, /drifter.*by_hand.*is in no migration/);
  }
  await premium.asOwner('alter table drifter.notes drop column by_hand');
  t.is((await tenants('check', '--drift', '--schema', 'drifter')).code, 0);
  t.regex((await tenants('check', '--drift', '--schema', 'nobody')).err, /No tenant has the schema "nobody"/);
});

test.serial('shows the migration status of every database', async (t) => {
  const before = JSON.parse((await tenants('migrate-status', '--json')).out);
  const id = await create('behind');
  await premium.asOwner(
    `insert into tenancy.migration_failures (tenant_id, migration, error, attempts, failed_at)
     values ($1, '20990101000000000_new', 'no such column', 2, now())`,
    [id],
  );
  const ran = await tenants('migrate-status', '--json');
  t.is(ran.code, 0, ran.err);
  const status = JSON.parse(ran.out);
  const count = ({ versions }: { versions: ReadonlyArray<{ tenants: number }> }): number =>
    versions.reduce((sum, { tenants: so }) => sum + so, 0);
  t.is(count(status), count(before) + 1);
  t.like(status.failures[0], { schema: 'behind', error: 'no such column' });
  await premium.asOwner(
    `update public.tenants set migrated_to = null, migrations_applied = 0 where schema_name = 'behind'`,
  );
  t.regex((await tenants('migrate', '--check')).err, /1 tenant to migrate/);
  const planned = await tenants('migrate', '--plan', '--schema', 'behind');
  t.is(planned.code, 0, planned.err);
  t.regex(planned.out, /^behind/);
  t.is((await tenants('migrate', '--plan', '--schema', 'nobody')).code, 1);
  t.is((await tenants('migrate', '--schema', 'behind')).code, 0);
  t.is((await tenants('migrate', '--check')).code, 0);
  const lines = (await tenants('migrate-status')).out.split('\n');
  t.is(lines.filter((line) => /^\d{17}_/.test(line)).length, 1, 'one line for one version');
});
