import test from 'ava';
import { servedProject } from '../fixture-app/served-project.ts';
import { PASSWORD, serve } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { isPlain } from './run.ts';
import { tenantsOn } from './tenants.ts';

let world: World;
test.before(async () => {
  world = await openWorld({ project: servedProject });
});
test.after.always(() => world?.close());

const tenants = tenantsOn(() => world);
const create = (schema: string, domain: string, ...more: string[]) =>
  tenants(['create-tenant', '--schema', schema, '--name', `The ${schema}`, '--domain', domain, ...more]);

test('creates and lists a tenant, which is then served', async (t) => {
  const ran = await create('initech', 'Initech.localhost', '--paid', '2999-12-31', '--json');
  t.is(ran.code, 0, ran.err);
  const printed = JSON.parse(ran.out);
  t.like(printed, {
    schema_name: 'initech',
    name: 'The initech',
    domain: 'initech.localhost',
    paid_until: '2999-12-31',
  });

  const list = await tenants(['list-tenants', '--json']);
  t.is(list.code, 0);
  const listed = JSON.parse(list.out) as Record<string, unknown>[];
  const found = listed.find(({ schema_name }) => schema_name === 'initech');
  t.like(found, {
    id: printed.id,
    domains: ['initech.localhost'],
    paid_until: '2999-12-31',
    status: 'active',
  });
  t.false(listed.some(({ schema_name }) => schema_name === 'site'));

  const table = await tenants(['list-tenants']);
  t.regex(table.out, /^initech +active .*initech\.localhost.*The initech$/m);

  const user = await tenants(
    ['create-superuser', '--schema', 'initech', '--username', 'peter', '--email', 'peter@example.com'],
    `${PASSWORD}\n`,
  );
  t.deepEqual([user.code, user.err], [0, '']);
  t.false(user.out.includes(PASSWORD));
  const service = await serve(world);
  t.teardown(service.close);
  t.truthy(await service.logIn('initech.localhost', 'peter', PASSWORD));
});

test('returns 402 for a tenant without a trial after its last paid day', async (t) => {
  t.is((await create('debtor', 'debtor.localhost', '--paid', '2020-01-01', '--no-on-trial')).code, 0);
  const found = await world.asOwner('select status from tenancy.resolve_host($1)', ['debtor.localhost']);
  t.deepEqual(found, [{ status: 'unpaid' }]);
});

test('create-tenant without --json prints one sentence', async (t) => {
  const { code, out } = await create('hooli', 'hooli.localhost');
  t.is(code, 0);
  t.regex(out, /^Tenant The hooli created at hooli\.localhost in schema hooli \([0-9a-f-]{36}\)\.\n$/);
});

for (const schema of [
  'Acme',
  '1acme',
  'a-b',
  'a b',
  'public',
  'site',
  'tenancy',
  'information_schema',
  'pg_x',
  'a'.repeat(49),
  '',
  "x'; drop",
  'ä',
]) {
  test(`rejects the schema name "${schema.slice(0, 20)}"`, async (t) => {
    const ran = await create(schema, 'fine.localhost');
    t.is(ran.code, 2);
    isPlain(t, ran);
    t.true(ran.err.includes(schema));
  });
}

for (const domain of [
  'acme',
  'a b',
  'http://x.localhost',
  'x.localhost:80',
  '-x.localhost',
  '10.0.0.1',
  '',
  'x_y.z',
  '*.x.y',
]) {
  test(`${domain === 'acme' ? 'accepts' : 'rejects'} the domain "${domain}"`, async (t) => {
    const ran = await create(`at_${domain.replaceAll(/[^a-z]/g, '_')}`, domain);
    if (domain === 'acme') {
      t.is(ran.code, 0, ran.err);
    } else {
      t.is(ran.code, 2);
      isPlain(t, ran);
    }
  });
}

test('rejects a day that does not exist, and creates nothing', async (t) => {
  for (const day of ['2026-02-30', '2026-13-01', 'tomorrow', '26-1-1', '2026-1-1', '', '31.12.2026']) {
    const ran = await create('unpaid', 'unpaid.localhost', '--paid', day);
    t.is(ran.code, 2, day);
    isPlain(t, ran);
  }
  t.deepEqual(await world.asOwner(`select id from public.tenants where schema_name = 'unpaid'`), []);
});

test('rejects a name that is blank or too long', async (t) => {
  for (const name of ['', '   ', 'x'.repeat(256)]) {
    const ran = await tenants([
      'create-tenant',
      '--schema',
      'named',
      '--name',
      name,
      '--domain',
      'named.localhost',
    ]);
    t.is(ran.code, 2);
    isPlain(t, ran);
  }
});

test('rejects a taken schema and a taken domain, and leaves nothing of the second tenant', async (t) => {
  const schema = await create('acme', 'second.localhost');
  t.is(schema.code, 1);
  isPlain(t, schema);
  t.regex(schema.err, /"acme"/);
  for (const taken of ['acme.localhost', 'ACME.localhost', 'localhost']) {
    const domain = await create('second', taken);
    t.is(domain.code, 1, taken);
    isPlain(t, domain);
  }
  t.deepEqual(await world.asOwner(`select from pg_namespace where nspname = 'second'`), []);
  t.deepEqual(await world.asOwner(`select id from public.tenants where schema_name = 'second'`), []);
  t.deepEqual(await world.asOwner(`select domain from public.domains where domain = 'second.localhost'`), []);
});

test('rejects a schema that was created outside of tenants', async (t) => {
  await world.asOwner('create schema by_hand');
  const ran = await create('by_hand', 'by-hand.localhost');
  t.is(ran.code, 1);
  isPlain(t, ran);
  t.deepEqual(await world.asOwner(`select id from public.tenants where schema_name = 'by_hand'`), []);
});

test('requires a superuser password of 8 characters from standard input', async (t) => {
  for (const input of ['', '\n', 'short\n', '1234567\n']) {
    const ran = await tenants(['create-superuser', '--schema', 'globex', '--username', 'boss'], input);
    t.is(ran.code, 2);
    isPlain(t, ran);
  }
  t.deepEqual(await world.asOwner(`select id from globex.users where username = 'boss'`), []);
});

test('reads a name from standard input, before the password', async (t) => {
  const ran = await tenants(['create-superuser'], `root\n${PASSWORD}\n`);
  t.is(ran.code, 0, ran.err);
  const found = await world.asOwner(
    `select is_superuser, is_staff, email from site.users where username = 'root'`,
  );
  t.deepEqual(found, [{ is_superuser: true, is_staff: true, email: '' }]);
});

test('rejects an existing superuser, an unknown tenant and invalid usernames', async (t) => {
  const named = (username: string, ...more: string[]) =>
    tenants(['create-superuser', '--schema', 'globex', '--username', username, ...more], `${PASSWORD}\n`);
  t.is((await named('twice', '--email', 'twice@example.com')).code, 0);
  const again = await named('twice');
  t.is(again.code, 1);
  isPlain(t, again, [PASSWORD]);
  const mail = await named('other', '--email', 'TWICE@example.com');
  t.is(mail.code, 1);
  isPlain(t, mail, [PASSWORD]);
  for (const name of ['a b', 'x'.repeat(151), ' ']) {
    const bad = await named(name);
    t.is(bad.code, 2, name);
    isPlain(t, bad, [PASSWORD]);
  }
  for (const address of ['peter', 'peter@', 'a b@example.com', `${'x'.repeat(250)}@example.com`]) {
    const bad = await named('peter', '--email', address);
    t.is(bad.code, 2, address);
    t.regex(bad.err, /is not a valid e-mail address: /);
    isPlain(t, bad, [PASSWORD]);
  }
  const nobody = await tenants(
    ['create-superuser', '--schema', 'nobody', '--username', 'x'],
    `${PASSWORD}\n`,
  );
  t.is(nobody.code, 1);
  isPlain(t, nobody, [PASSWORD]);
});
