import test from 'ava';
import { servedProject } from '../fixture-app/served-project.ts';
import { environmentOf, serve } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { isPlain, run, withoutServer } from './run.ts';
import { tenantsOn } from './tenants.ts';

let world: World;
test.before(async () => {
  world = await openWorld({ project: servedProject });
});
test.after.always(() => world?.close());

const tenants = tenantsOn(() => world);

const COMMANDS = ['create-tenant', 'list-tenants', 'migrate', 'create-superuser', 'seed', 'check'];

test('lists every command in --help, and has a --help for every command', async (t) => {
  const help = await tenants(['--help']);
  t.is(help.code, 0);
  for (const command of COMMANDS) {
    t.true(help.out.includes(command), command);
    const its = await tenants([command, '--help']);
    t.is(its.code, 0, command);
    t.regex(its.out, new RegExp(`^Usage: tenants ${command}`));
    t.regex(its.out, /-h, --help/);
  }
});

test('prints --help without configuration', async (t) => {
  for (const args of [['--help'], ['check', '--help']]) {
    t.is((await run('served-cli.ts', args, {})).code, 0);
  }
});

test('openapi prints the document of a host without configuration', async (t) => {
  const tenant = await run('served-cli.ts', ['openapi'], {});
  t.is(tenant.code, 0, tenant.err);
  t.is(tenant.err, '');
  const { openapi, paths } = JSON.parse(tenant.out);
  t.is(openapi, '3.1.1');
  t.true('/api/notes/{id}/' in paths);
  const site = await run('served-cli.ts', ['openapi', '--site', '--setting', 'LOGIN_FIELD=email'], {});
  const document = JSON.parse(site.out);
  t.false('/api/notes/{id}/' in document.paths);
  t.deepEqual(Object.keys(document.components.schemas.LoginRequest.properties), ['email', 'password']);
  for (const setting of ['NO_SUCH=1', 'LOGIN_FIELD=phone', 'LOGIN_FIELD=', 'STATEMENT_TIMEOUT=soon']) {
    const rejected = await run('served-cli.ts', ['openapi', '--setting', setting], {});
    t.is(rejected.code, 2, setting);
    t.true(rejected.err.includes(setting.split('=')[0] ?? ''), rejected.err);
    t.is(rejected.out, '');
  }
});

test('exits 2 with one sentence on wrong usage', async (t) => {
  for (const args of [
    [],
    ['no-such-command'],
    ['list-tenants', '--no-such-option'],
    ['list-tenants', 'excess'],
    ['create-tenant'],
    ['create-tenant', '--schema', 'x'],
    ['migrate', '--schema'],
  ]) {
    const ran = await tenants(args);
    t.is(ran.code, 2, args.join(' '));
    t.notRegex(ran.err, /^\s+at /m);
    t.not(ran.err, '');
  }
});

test('reports that there is nothing to migrate on a second run', async (t) => {
  const first = await tenants(['migrate']);
  t.is(first.code, 0, first.err);
  const second = await tenants(['migrate']);
  t.is(second.code, 0, second.err);
  t.is(second.out, '');
  t.regex(second.err, /^Nothing to migrate/);
  const json = await tenants(['migrate', '--json']);
  t.is(json.code, 0);
  t.like(JSON.parse(json.out), { shared: [], tenants: [] });
});

test('migrates one schema, and rejects the schema of no tenant', async (t) => {
  const one = await tenants(['migrate', '--schema', 'acme']);
  t.is(one.code, 0, one.err);
  const none = await tenants(['migrate', '--schema', 'nobody']);
  t.is(none.code, 1);
  isPlain(t, none);
  const bad = await tenants(['migrate', '--schema', 'No Body']);
  t.is(bad.code, 2);
  isPlain(t, bad);
});

test('exits 1 with one sentence when PostgreSQL cannot be reached', async (t) => {
  const away = 'postgres://postgres:not-for-your-eyes@127.0.0.1:1/nothing';
  for (const args of [
    ['list-tenants'],
    ['check'],
    ['migrate'],
    ['seed'],
    ['create-tenant', '--schema', 'x', '--name', 'x', '--domain', 'x.localhost'],
  ]) {
    const ran = await tenants(args, '', { OWNER_DATABASE_URL: away });
    t.is(ran.code, 1, args[0]);
    isPlain(t, ran, ['not-for-your-eyes']);
  }
});

test('exits 1 with one sentence when the database does not exist or has no installation', async (t) => {
  const missing = new URL(world.ownerUrl);
  missing.pathname = '/no_such_database';
  const nowhere = await tenants(['list-tenants'], '', { OWNER_DATABASE_URL: missing.href });
  t.is(nowhere.code, 1);
  isPlain(t, nowhere);
  const empty = new URL(world.ownerUrl);
  empty.pathname = '/postgres';
  for (const args of [
    ['list-tenants'],
    ['create-tenant', '--schema', 'x', '--name', 'x', '--domain', 'x.localhost'],
  ]) {
    const bare = await tenants(args, '', { OWNER_DATABASE_URL: empty.href });
    t.is(bare.code, 1, args[0]);
    isPlain(t, bare);
  }
});

test('names every configuration error, and exits 2', async (t) => {
  const ran = await tenants(['list-tenants'], '', {
    APP_SECRET: 'short-secret',
    PORT: 'many',
    TENANCY_KEYS: 'x:tiny',
  });
  t.is(ran.code, 2);
  for (const name of ['APP_SECRET', 'PORT', 'TENANCY_KEYS']) {
    t.true(ran.err.includes(name), name);
  }
  t.false(ran.err.includes('short-secret'));
  t.notRegex(ran.err, /^\s+at /m);
  // It does not use the database of `dev`.
  const production = await tenants(['migrate'], '', {
    DATABASE_URL: '',
    OWNER_DATABASE_URL: '',
    NODE_ENV: 'production',
  });
  t.is(production.code, 2, production.err);
  t.regex(production.err, /DATABASE_URL/);
  const withoutOwnerUrl = await tenants(['list-tenants'], '', { OWNER_DATABASE_URL: '' });
  t.is(withoutOwnerUrl.code, 2);
  t.regex(withoutOwnerUrl.err, /OWNER_DATABASE_URL/);
});

test.serial('check finds nothing, and then names what is missing', async (t) => {
  const standing = await tenants(['check', '--fail-on', 'fault']);
  t.is(standing.code, 0, standing.out + standing.err);
  const json = await tenants(['check', '--json', '--fail-on', 'fault']);
  t.deepEqual([json.code, withoutServer(json.out)], [0, []]);

  const policies = await world.asOwner<{ policyname: string; definition: string }>(
    `select policyname from pg_policies where schemaname = 'globex' and tablename = 'notes'`,
  );
  t.true(policies.length > 0);
  const other = await openWorld({ project: servedProject });
  t.teardown(other.close);
  for (const { policyname } of policies) {
    await other.asOwner(`drop policy ${policyname} on globex.notes`);
  }
  const fallen = await run('served-cli.ts', ['check'], environmentOf(other));
  t.is(fallen.code, 1);
  t.regex(fallen.out, /globex\.notes/);
  t.notRegex(fallen.err + fallen.out, /^\s+at /m);
  const listed = await run('served-cli.ts', ['check', '--json'], environmentOf(other));
  t.is(listed.code, 1);
  const findings = JSON.parse(listed.out) as { object: string; remedy: string }[];
  t.true(findings.some(({ object }) => object.includes('globex')));
  t.true(findings.every(({ remedy }) => remedy.length > 0));
});

test.serial('seed creates what is missing, and can be repeated', async (t) => {
  const other = await openWorld({ project: servedProject });
  t.teardown(other.close);
  const seed = (...args: string[]) => run('served-cli.ts', ['seed', ...args], environmentOf(other));
  const first = await seed();
  t.is(first.code, 0, first.err);
  const before = await other.asOwner('select id, username from acme.users order by id');
  const second = await seed('--json');
  t.is(second.code, 0, second.err);
  const logins = JSON.parse(second.out) as { host: string; username: string; password: string }[];
  t.deepEqual(await other.asOwner('select id, username from acme.users order by id'), before);
  const service = await serve(other);
  t.teardown(service.close);
  for (const { host, username, password } of logins) {
    t.truthy(await service.logIn(host, username, password));
  }
});
