import { once } from 'node:events';
import test from 'ava';
import pg from 'pg';
import { servedProject } from '../fixture-app/served-project.ts';
import { environmentOf, PASSWORD, serve, until } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { isPlain, start } from './run.ts';
import { tenantsOn } from './tenants.ts';

let world: World;
test.before(async () => {
  world = await openWorld({ project: servedProject });
});
test.after.always(() => world?.close());

const tenants = tenantsOn(() => world);
const row = async (schema: string) =>
  (await world.asOwner(`select status, type from public.tenants where schema_name = $1`, [schema]))[0];

test('prints a --help for every lifecycle command', async (t) => {
  for (const command of [
    'show-tenant',
    'rename-tenant',
    'suspend-tenant',
    'resume-tenant',
    'maintenance',
    'delete-tenant',
    'undelete-tenant',
    'purge-tenants',
  ]) {
    const { code, out } = await tenants([command, '--help']);
    t.is(code, 0, command);
    t.regex(out, new RegExp(`^Usage: tenants ${command}`));
    t.regex(out, /--json/);
  }
});

test('exits 2 with one sentence on wrong usage, and changes nothing', async (t) => {
  for (const args of [
    ['suspend-tenant'],
    ['suspend-tenant', '--schema', 'No Body'],
    ['maintenance', '--schema', 'acme'],
    ['maintenance', 'perhaps', '--schema', 'acme'],
    ['maintenance', 'on', 'off', '--schema', 'acme'],
    ['maintenance', 'on', '--schema', 'acme', '--retry-after', '0'],
    ['maintenance', 'on', '--schema', 'acme', '--retry-after', 'soon'],
    ['delete-tenant', '--schema', 'acme', '--keep-days', '-1', '--yes'],
    ['delete-tenant', '--schema', 'site', '--yes'],
    ['rename-tenant', '--schema', 'acme'],
    ['rename-tenant', '--schema', 'acme', '--to', 'public'],
    ['rename-tenant', '--schema', 'acme', '--name', ' '],
    ['list-tenants', '--status', 'happy'],
    ['create-tenant', '--schema', 'x', '--name', 'x', '--domain', 'x.localhost', '--type', 'site'],
    ['create-tenant', '--schema', 'x', '--name', 'x', '--domain', 'x.localhost', '--superuser', 'a b'],
  ]) {
    const ran = await tenants(args);
    t.is(ran.code, 2, args.join(' '));
    t.notRegex(ran.err, /^\s+at /m);
    t.not(ran.err, '');
  }
  t.like(await row('acme'), { status: 'active' });
  t.is(await row('x'), undefined);
});

test('creates a tenant with a type and a superuser that can log in', async (t) => {
  const ran = await tenants(
    [
      'create-tenant',
      ...['--schema', 'typed', '--name', 'Typed', '--domain', 'typed.localhost'],
      ...['--type', 'premium', '--superuser', 'tina', '--on-trial', '--json'],
    ],
    `${PASSWORD}\n`,
  );
  t.is(ran.code, 0, ran.err);
  t.like(JSON.parse(ran.out), { schema_name: 'typed', type: 'premium', superuser: 'tina' });
  t.false((ran.out + ran.err).includes(PASSWORD));
  const service = await serve(world);
  t.teardown(service.close);
  t.truthy(await service.logIn('typed.localhost', 'tina', PASSWORD));

  const listed = await tenants(['list-tenants', '--type', 'premium', '--json']);
  t.deepEqual(
    JSON.parse(listed.out).map(({ schema_name }: { schema_name: string }) => schema_name),
    ['typed'],
  );
});

test('leaves no tenant when the password of its superuser is rejected', async (t) => {
  const ran = await tenants(
    ['create-tenant', '--schema', 'half', '--name', 'x', '--domain', 'half.localhost', '--superuser', 'x'],
    'short\n',
  );
  t.is(ran.code, 2);
  isPlain(t, ran);
  t.is(await row('half'), undefined);
});

test('lists tenants by type, status and glob', async (t) => {
  for (const schema of ['glob_a', 'glob_b']) {
    await world.provision(schema);
  }
  t.is((await tenants(['suspend-tenant', '--schema', 'glob_b'])).code, 0);
  const schemas = async (...args: string[]) =>
    JSON.parse((await tenants(['list-tenants', '--json', ...args])).out).map(
      ({ schema_name }: { schema_name: string }) => schema_name,
    );
  t.deepEqual(await schemas('--only', 'glob_*'), ['glob_a', 'glob_b']);
  t.deepEqual(await schemas('--only', 'glob_*', '--status', 'suspended'), ['glob_b']);
  t.deepEqual(await schemas('--only', '{acme,glob_a}'), ['acme', 'glob_a']);
  t.deepEqual(await schemas('--only', 'nobody*'), []);
});

test('show-tenant prints every property of a tenant, and of the public site', async (t) => {
  const shown = await tenants(['show-tenant', '--schema', 'globex']);
  t.is(shown.code, 0, shown.err);
  t.regex(shown.out, /^status +active$/m);
  t.regex(shown.out, /^domain +globex\.localhost \(primary\)$/m);
  const json = JSON.parse((await tenants(['show-tenant', '--schema', 'globex', '--json'])).out);
  t.like(json, { id: world.globex.id, database: 'main', deleted_at: null });
  t.like(json.domains[0], { domain: 'globex.localhost', is_primary: true, verified_at: null });
  const site = await tenants(['show-tenant', '--schema', 'public', '--json']);
  t.like(JSON.parse(site.out), { schema_name: 'site', type: 'site' });
  const nobody = await tenants(['show-tenant', '--schema', 'nobody']);
  t.is(nobody.code, 1);
  isPlain(t, nobody);
});

test('repeats suspend, resume and maintenance commands without an error', async (t) => {
  await world.provision('words');
  for (const [args, expected] of [
    [['suspend-tenant'], 'Tenant words is now suspended.'],
    [['suspend-tenant'], 'Tenant words is already suspended.'],
    [['resume-tenant'], 'Tenant words is now active.'],
    [['resume-tenant'], 'Tenant words is already active.'],
    [
      ['maintenance', 'on', '--retry-after', '90'],
      'Tenant words is in maintenance. Its hosts return 503 with Retry-After: 90.',
    ],
    [
      ['maintenance', 'on', '--retry-after', '30'],
      'Tenant words is in maintenance. Its hosts return 503 with Retry-After: 30.',
    ],
    [['maintenance', 'off'], 'Tenant words is no longer in maintenance; it is active.'],
    [['maintenance', 'off'], 'Tenant words was not in maintenance; it is active.'],
  ] as const) {
    const ran = await tenants([...args, '--schema', 'words']);
    t.deepEqual([ran.code, ran.out], [0, `${expected}\n`], ran.err);
  }
});

test('renames a tenant in one command, and rejects a taken name with one sentence', async (t) => {
  await world.provision('old_name');
  const ran = await tenants([
    'rename-tenant',
    ...['--schema', 'old_name', '--to', 'new_name', '--name', 'New', '--domain', 'new.localhost'],
    '--json',
  ]);
  t.is(ran.code, 0, ran.err);
  t.like(JSON.parse(ran.out), { schema_name: 'new_name', domains: ['new.localhost', 'old-name.localhost'] });
  const taken = await tenants(['rename-tenant', '--schema', 'new_name', '--to', 'globex']);
  t.is(taken.code, 1);
  isPlain(t, taken);
  const gone = await tenants(['rename-tenant', '--schema', 'old_name', '--to', 'x']);
  t.is(gone.code, 1);
  isPlain(t, gone);
});

// Deletion.

test('deletes a tenant only after its name was typed', async (t) => {
  await world.provision('typed_out');
  for (const input of ['', '\n', 'yes\n', 'Typed_out\n']) {
    const ran = await tenants(['delete-tenant', '--schema', 'typed_out'], input);
    t.is(ran.code, 2, input);
    isPlain(t, ran);
  }
  t.like(await row('typed_out'), { status: 'active' });
  const ran = await tenants(['delete-tenant', '--schema', 'typed_out'], 'typed_out\n');
  t.is(ran.code, 0, ran.err);
  t.regex(ran.out, /^Tenant typed_out deleted, retained until \d{4}-\d\d-\d\d\. /m);
  const again = await tenants(['delete-tenant', '--schema', 'typed_out', '--yes', '--json']);
  t.is(again.code, 0);
  const { purge_after, deleted_at } = JSON.parse(again.out);
  t.is(Date.parse(purge_after) - Date.parse(deleted_at), 30 * 86_400_000);
  const back = await tenants(['undelete-tenant', '--schema', 'typed_out']);
  t.deepEqual([back.code, back.out], [0, 'Tenant typed_out is now active.\n']);
});

test.serial('purge-tenants drops only tenants whose retention has ended', async (t) => {
  for (const [schema, days] of [
    ['kept', '1'],
    ['due', '0'],
  ] as const) {
    await world.provision(schema);
    t.is((await tenants(['delete-tenant', '--schema', schema, '--keep-days', days, '--yes'])).code, 0);
  }
  const dry = await tenants(['purge-tenants', '--dry-run', '--json']);
  t.deepEqual(JSON.parse(dry.out), { due: ['due'], purged: [] });
  const ran = await tenants(['purge-tenants']);
  t.deepEqual([ran.code, ran.out], [0, 'due purged\n'], ran.err);
  t.regex(ran.err, /1 of 1 purged\.\n$/);
  t.deepEqual([await row('kept'), await row('due')], [{ status: 'deleted', type: 'tenant' }, undefined]);
  const again = await tenants(['purge-tenants']);
  t.deepEqual([again.code, again.err], [0, 'Nothing to purge.\n']);
});

test.serial('finishes a purge that was killed with the next purge', async (t) => {
  const { role } = await world.provision('killed');
  await world.asOwner(`
    do $$
    begin
      set local role tenant_owner;
      for i in 1..200 loop
        execute format('create table killed.%I (id bigint primary key)', 'filler_' || i);
      end loop;
    end
    $$`);
  // The newest tables are dropped first: the purge waits for this one.
  const reader = new pg.Client(world.owner);
  await reader.connect();
  await reader.query('begin');
  await reader.query('lock table killed.filler_60 in access share mode');
  const child = await start(
    'served-cli.ts',
    ['delete-tenant', '--schema', 'killed', '--purge', '--yes'],
    environmentOf(world),
  );
  const ended = once(child, 'close');
  const left = () =>
    world.asOwner<{ tables: number; waits: number }>(
      `select
         (select count(*)::integer from pg_class where relkind = 'r' and relnamespace = 'killed'::regnamespace) as tables,
         (select count(*)::integer from pg_stat_activity
          where datname = current_database() and application_name = 'koa-tenants owner' and wait_event_type = 'Lock') as waits`,
    );
  const [half] = await until(left, ([now]) => now?.waits === 1, 60_000);
  t.is(half?.waits, 1);
  child.kill('SIGKILL');
  await ended;
  await reader.end();
  await until(left, ([now]) => now?.waits === 0);
  const [cut] = await left();
  t.true((cut?.tables ?? 0) > 50 && (cut?.tables ?? 0) < 200, `${cut?.tables} tables`);

  const back = await tenants(['undelete-tenant', '--schema', 'killed']);
  t.is(back.code, 1);
  isPlain(t, back);
  const finished = await tenants(['purge-tenants', '--json']);
  t.deepEqual(JSON.parse(finished.out), { due: ['killed'], purged: ['killed'] }, finished.err);
  t.deepEqual(
    await world.asOwner(
      `select from pg_roles where rolname = $1 union all select from pg_namespace where nspname = 'killed'`,
      [role],
    ),
    [],
  );
  t.is(await row('killed'), undefined);
});
