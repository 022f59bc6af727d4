import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import pg from 'pg';

import { prepareUser } from '../../../src/apps/accounts/commands/accounts.ts';
import { readConfig } from '../../../src/config/config.ts';
import { runChecks } from '../../../src/db/checks.ts';
import { listOperationKinds } from '../../../src/operations/list-kinds.ts';
import { createProof, signMessage } from '../../../src/tenancy/context/proof.ts';
import { enterAsOwner } from '../../../src/tenancy/context/with-owner-tenant.ts';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { provisionOn } from '../../../src/tenancy/lifecycle/provision-on.ts';
import { parseDomainName, parseSchemaName, type TenantId } from '../../../src/tenancy/registry/tenant.ts';
import { isPlain, type Ran, run } from '../../cli/run.ts';
import { servedProject } from '../../fixture-app/served-project.ts';
import { freePort } from '../../helpers/free-port.ts';
import { makeUser, PASSWORD, serve, type TestService, until } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { raw } from '../../isolation/attack.ts';
import { OPERATOR, operatorsOf } from '../operations/open-operators.ts';
import { openPremium, type Premium } from './premium.ts';
import { traces } from './traces.ts';

let world: World;
let premium: Premium;
let service: TestService;
let folder: string;
test.serial.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koa-tenants-databases-'));
  world = await openWorld({ project: servedProject });
  premium = await openPremium(world);
  service = await serve(world, premium.env);
});
test.after.always(async () => {
  await service?.close();
  await premium?.close();
  await world?.close();
  await rm(folder, { recursive: true, force: true });
});

const tenants = (...args: readonly string[]): Promise<Ran> => run('served-cli.ts', args, premium.env);
const withInput = (input: string, ...args: readonly string[]): Promise<Ran> =>
  run('served-cli.ts', args, premium.env, input);

const create = (schema: string): Promise<TenantId> =>
  provisionOn(
    world.owner,
    { ...premium.database, project: world.fleet.project },
    {
      schema: parseSchemaName(schema),
      name: schema,
      domains: [parseDomainName(`${schema.replaceAll('_', '-')}.localhost`)],
    },
  );

test.serial('creates a tenant on another database, and serves it from there', async (t) => {
  const made = await tenants(
    'create-tenant',
    '--schema',
    'vip',
    '--name',
    'Vip',
    '--domain',
    'vip.localhost',
    '--database',
    'premium',
  );
  t.is(made.code, 0, made.err);
  const user = await withInput(
    `${PASSWORD}\n`,
    'create-superuser',
    '--schema',
    'vip',
    '--username',
    'victor',
  );
  t.is(user.code, 0, user.err);
  const token = await service.logIn('vip.localhost', 'victor', PASSWORD);
  const created = await service.request('vip.localhost', 'POST', '/api/notes/', {
    token,
    body: { name: 'Far away' },
  });
  t.is(created.status, 201);
  t.deepEqual(await premium.asOwner('select name from vip.notes'), [{ name: 'Far away' }]);
  t.deepEqual(await world.asOwner(`select to_regnamespace('vip') as here`), [{ here: null }]);
  t.deepEqual(
    await world.asOwner(
      `select database, migrated_to is not null as migrated from public.tenants where schema_name = 'vip'`,
    ),
    [{ database: 'premium', migrated: true }],
  );
  t.deepEqual(service.bugs, []);
});

test.serial('copies the audit of a tenant to its database, and what it has added to main', async (t) => {
  type Audit = { results: ReadonlyArray<{ action: string; id: string }> };
  const read = async ({ asOwner }: Pick<World, 'asOwner'>): Promise<Audit['results']> => {
    const [row] = await asOwner<{ audit: Audit }>(
      `select tenancy.read_audit('{"tenant": "vip", "limit": 99, "offset": 0}') as audit`,
    );
    return row?.audit.results ?? [];
  };
  const token = await service.logIn('vip.localhost', 'victor', PASSWORD);
  t.is((await service.request('vip.localhost', 'GET', '/api/notes/', { token })).status, 200);
  const [vip] = await world.asOwner<{ id: TenantId }>(
    `select t.id from public.tenants as t where t.schema_name = 'vip'`,
  );
  const pool = await world.openPool({ connection: { connectionString: premium.serviceUrl } });
  await withTenant(
    { ...world.tenantDatabase, poolOf: () => pool },
    { tenant: vip?.id as TenantId, readOnly: false },
    (tx) => tx.query(raw(`select tenancy.record_own_event('change-note', null, '{"name": "b"}')`)),
  );
  t.false((await read(world)).some(({ action }) => action === 'change-note'));
  for (let time = 1; time <= 2; time += 1) {
    t.is((await tenants('list-tenants')).code, 0);
    const here = await read(world);
    t.deepEqual(await read(premium), here);
    t.deepEqual(
      here.map(({ action }) => action).filter((action) => action !== 'set-lane'),
      ['change-note', 'create-superuser', 'add-domain', 'create-tenant'],
    );
  }
});

test.serial('serves tenants of main together with those of another database', async (t) => {
  await makeUser(world, 'acme', 'alice');
  const token = await service.logIn('acme.localhost', 'alice', PASSWORD);
  const page = await service.request('acme.localhost', 'GET', '/api/notes/', { token });
  t.is(page.status, 200);
  const response = await service.request('vip.localhost', 'GET', '/api/notes/', { token });
  t.is(response.status, 401);
});

test.serial('rejects entering a tenant on a database other than its own', async (t) => {
  const vip = await world.asOwner<{ id: TenantId }>(
    `select id from public.tenants where schema_name = 'vip'`,
  );
  const id = vip[0]?.id as TenantId;
  await t.throwsAsync(
    withTenant(world.tenantDatabase, { tenant: id, readOnly: true }, (tx) => tx.any(raw('select 1'))),
    { message: 'the tenant is in another database', code: 'KT005' } as never,
  );
  const pool = await world.openPool({ connection: { connectionString: premium.serviceUrl } });
  const there = { ...world.tenantDatabase, poolOf: () => pool };
  await t.notThrowsAsync(
    withTenant(there, { tenant: id, readOnly: true }, (tx) => tx.any(raw('select id from notes'))),
  );
  await t.throwsAsync(
    withTenant(there, { tenant: world.acme.id, readOnly: true }, (tx) => tx.any(raw('select 1'))),
    { message: 'no such tenant' },
  );
  await premium.asOwner(`update public.tenants set database = 'main' where id = $1`, [id]);
  await t.throwsAsync(
    withTenant(there, { tenant: id, readOnly: true }, (tx) => tx.any(raw('select 1'))),
    { message: 'the tenant is in another database' },
    'a row that a move left behind admits no request',
  );
  await premium.asOwner(`update public.tenants set database = 'premium' where id = $1`, [id]);
});

test.serial('copies changes of a tenant on main to its database with the next command', async (t) => {
  await world.asOwner(
    `update public.tenants set name = 'Very Important', status = 'suspended', settings = '{"LEEWAY": 1}' where schema_name = 'vip'`,
  );
  await world.asOwner(
    `insert into public.domains (domain, tenant_id) select 'www.vip.localhost', id from public.tenants where schema_name = 'vip'`,
  );
  t.is((await tenants('list-tenants')).code, 0);
  t.deepEqual(
    await premium.asOwner(
      `select t.name, t.status, t.settings, (select array_agg(d.domain order by d.domain) from public.domains as d where d.tenant_id = t.id) as domains
       from public.tenants as t where t.schema_name = 'vip'`,
    ),
    [
      {
        name: 'Very Important',
        status: 'suspended',
        settings: { LEEWAY: 1 },
        domains: ['vip.localhost', 'www.vip.localhost'],
      },
    ],
  );
  await world.asOwner(`update public.tenants set status = 'active' where schema_name = 'vip'`);
  t.is((await tenants('list-tenants')).code, 0);
});

test.serial('a tenant of another database sees its plan and payments, which main has recorded', async (t) => {
  const [vip] = await world.asOwner<{ id: TenantId }>(
    `select t.id from public.tenants as t where t.schema_name = 'vip'`,
  );
  const pool = await world.openPool({ connection: { connectionString: premium.serviceUrl } });
  const read = async () => {
    const { rows } = await withTenant(
      { ...world.tenantDatabase, poolOf: () => pool },
      { tenant: vip?.id as TenantId, readOnly: true },
      (tx) =>
        tx.query(
          'select s.plan, s.payments, jsonb_array_length(s.payments) as number from tenancy.my_subscription() as s',
        ),
    );
    return rows[0];
  };
  t.deepEqual(await read(), { plan: null, payments: [], number: 0 });
  await world.asOwner(`insert into tenancy.subscriptions (tenant_id, plan) values ($1, 'large')`, [vip?.id]);
  await world.asOwner(
    `insert into tenancy.payments (reference, tenant_id, paid_until, amount, currency)
     values ('INV-1', $1, '2030-01-31', 49.00, 'EUR'), ('INV-2', $2, '2030-01-31', 9.00, 'EUR')`,
    [vip?.id, world.acme.id],
  );
  t.is((await tenants('list-tenants')).code, 0);
  t.like(await read(), {
    plan: 'large',
    payments: [{ reference: 'INV-1', amount: '49.00' }],
    number: 1,
  });
  await world.asOwner(`update tenancy.subscriptions set plan = 'small' where tenant_id = $1`, [vip?.id]);
  t.is((await tenants('list-tenants')).code, 0);
  t.like(await read(), { plan: 'small' });
  const [copies] = await premium.asOwner('select count(*)::integer as payments from tenancy.payments');
  t.deepEqual(copies, { payments: 0 });
});

test.serial('copies changes of a tenant on main to its database in a running service', async (t) => {
  await world.asOwner(
    `update public.tenants set on_trial = false, paid_until = '2020-01-01' where schema_name = 'vip'`,
  );
  const there = () =>
    premium.asOwner(`select on_trial, paid_until::text from public.tenants where schema_name = 'vip'`);
  t.deepEqual(await until(there, ([row]) => row?.on_trial === false), [
    { on_trial: false, paid_until: '2020-01-01' },
  ]);
  const token = await service.logIn('vip.localhost', 'victor', PASSWORD);
  t.is((await service.request('vip.localhost', 'GET', '/api/notes/', { token })).status, 402);
  await world.asOwner(`update public.tenants set paid_until = '2999-01-01' where schema_name = 'vip'`);
  await until(there, ([row]) => row?.paid_until === '2999-01-01');
  t.is((await service.request('vip.localhost', 'GET', '/api/notes/', { token })).status, 200);
  t.deepEqual(service.bugs, []);
});

test.serial('rejects importing a registry copy and reading it from main without the key', async (t) => {
  const [row] = await world.asOwner<{ id: TenantId; copy: string }>(
    `select id, tenancy.read_copy(id)::text as copy from public.tenants where schema_name = 'vip'`,
  );
  const { id = '' as TenantId, copy = '' } = row ?? {};
  const key = world.keys[0];
  const forged = copy.replace('2999-01-01', '2998-01-01');
  t.not(forged, copy);
  const client = new pg.Client(premium.serviceUrl);
  await client.connect();
  t.teardown(() => client.end());
  const importCopy = (
    text: string | null,
    { expires, text: proof }: { expires: number; text: string | null },
  ) => client.query('select tenancy.import_copy($1, $2, $3) as changed', [text, expires, proof]);
  const other = { id: key.id, secret: Buffer.alloc(32, 7) };
  const late = signMessage(key, `import|${forged}`, Date.now() - 120_000);
  for (const [text, proof] of [
    [forged, signMessage(key, `import|${copy}`)],
    [forged, signMessage(other, `import|${forged}`)],
    [forged, signMessage(key, `export|${forged}`)],
    [forged, createProof(key, id)],
    [forged, { expires: late.expires, text: late.text }],
    [forged, { expires: 9_999_999_999, text: late.text }],
    [forged, { expires: late.expires, text: null }],
    [null, signMessage(key, 'import|')],
  ] as const) {
    await t.throwsAsync(importCopy(text, proof), { message: /the proof is not valid/ });
  }
  t.deepEqual((await importCopy(copy, signMessage(key, `import|${copy}`))).rows, [{ changed: false }]);
  // The key alone cannot create or import a tenant.
  const [acme] = await world.asOwner<{ copy: string }>(
    `select (tenancy.read_copy(id) || '{"database": "premium"}')::text as copy from public.tenants where schema_name = 'acme'`,
  );
  const foreignCopy = acme?.copy ?? '';
  t.deepEqual((await importCopy(foreignCopy, signMessage(key, `import|${foreignCopy}`))).rows, [
    { changed: false },
  ]);
  t.deepEqual(await premium.asOwner(`select from public.tenants where schema_name = 'acme'`), []);

  const bare = await world.bare();
  await t.throwsAsync(
    bare.query('select tenancy.export_copy($1, $2, $3)', [id, ...Object.values(createProof(key, id))]),
    { message: /the proof is not valid/ },
  );
  await t.throwsAsync(bare.query('select tenancy.read_copy($1)', [id]), { message: /permission denied/ });
  await t.throwsAsync(bare.query(`select tenancy.write_copy('{}')`), { message: /permission denied/ });
});

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

test.serial('replaces an interrupted creation with the next attempt', async (t) => {
  await create('halfway');
  // As if the process was killed between the two commits.
  await world.asOwner(`delete from public.tenants where schema_name = 'halfway'`);
  await premium.asOwner(`insert into halfway.notes (name) values ('left over')`);
  const id = await create('halfway');
  t.deepEqual(await premium.asOwner('select from halfway.notes'), []);
  t.deepEqual(await premium.asOwner(`select id from public.tenants where schema_name = 'halfway'`), [{ id }]);
});

test.serial('accepts a host that leftovers of another tenant still have', async (t) => {
  await create('ghost');
  await world.asOwner(`delete from public.tenants where schema_name = 'ghost'`);
  const id = await provisionOn(
    world.owner,
    { ...premium.database, project: world.fleet.project },
    {
      schema: parseSchemaName('ghost_2'),
      name: 'Ghost',
      domains: [parseDomainName('ghost.localhost')],
    },
  );
  t.deepEqual(
    await premium.asOwner(`select tenant_id from public.domains where domain = 'ghost.localhost'`),
    [{ tenant_id: id }],
  );
  t.is((await tenants('list-tenants')).code, 0);
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

test.serial(
  'returns 500 for tenants of a database that the service lacks, and serves the others',
  async (t) => {
    const blind = await serve(world);
    t.teardown(blind.close);
    t.truthy(await blind.logIn('acme.localhost', 'alice', PASSWORD));
    const lost = await blind.request('vip.localhost', 'POST', '/api/auth/jwt/create/', {
      body: { username: 'victor', password: PASSWORD },
    });
    t.is(lost.status, 500);
    t.regex(String(blind.bugs[0]), /"premium"/);
  },
);

test.serial(
  'does not start the service when a further database fails its checks or is unreachable',
  async (t) => {
    await premium.asOwner('alter table vip.notes no force row level security');
    await t.throwsAsync(serve(world, premium.env), { message: /vip\.notes/ });
    await premium.asOwner('alter table vip.notes force row level security');
    const away = new URL(premium.serviceUrl);
    away.port = '1';
    await t.throwsAsync(serve(world, { ...premium.env, DATABASES: `premium=${away.href}` }), {
      message: /Cannot connect to PostgreSQL at .*:1: /,
    });
  },
);

test.serial('queries each database in /readyz', async (t) => {
  // The result is cached for a second.
  const turns = async (status: number): Promise<void> => {
    const ready = async () => (await service.request('acme.localhost', 'GET', '/readyz')).status;
    t.is(await until(ready, (found) => found === status), status);
  };
  await turns(200);
  await premium.asOwner(`revoke execute on function tenancy.version() from ${world.service}`);
  await turns(503);
  await premium.asOwner(`grant execute on function tenancy.version() to ${world.service}`);
  await turns(200);
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
  t.is((await tenants('delete-tenant', '--schema', 'cut_off', '--yes', '--keep-days', '0')).code, 0);
  t.deepEqual(await premium.asOwner('select status from public.tenants where id = $1', [id]), [
    { status: 'deleted' },
  ]);
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
