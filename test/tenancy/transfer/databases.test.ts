import test, { type ExecutionContext } from 'ava';
import pg from 'pg';

import { createProof, signMessage } from '../../../src/tenancy/context/proof.ts';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { reconcileRegistry } from '../../../src/tenancy/registry/reconcile-registry.ts';
import type { TenantId } from '../../../src/tenancy/registry/tenant.ts';
import { type Ran, run } from '../../cli/run.ts';
import { makeUser, PASSWORD, serve, type TestService, until } from '../../helpers/server.ts';
import type { World } from '../../helpers/world.ts';
import { raw } from '../../isolation/attack.ts';
import type { Premium } from './premium.ts';
import { openTwoDatabases, type TwoDatabases } from './two-databases.ts';

let both: TwoDatabases;
let world: World;
let premium: Premium;
let service: TestService;
let tenants: TwoDatabases['tenants'];
test.serial.before(async () => {
  both = await openTwoDatabases();
  ({ world, premium, service, tenants } = both);
});
test.after.always(() => both?.close());

const withInput = (input: string, ...args: readonly string[]): Promise<Ran> =>
  run('served-cli.ts', args, premium.env, input);

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

/** Holds back what changes vip on premium. Calls `meanwhile` when a command waits, and returns its result. */
async function reconcileWhile(
  t: ExecutionContext,
  lock: string,
  meanwhile: () => Promise<unknown>,
): Promise<unknown> {
  const holder = new pg.Client(premium.database.owner);
  await holder.connect();
  t.teardown(() => holder.end());
  await holder.query('begin');
  await holder.query(lock);
  const reconciling = reconcileRegistry(world.owner, premium.database.owner, 'premium').catch(
    (error: Error) => error.message,
  );
  const waits = () =>
    premium.asOwner(
      `select from pg_stat_activity
       where datname = current_database() and application_name = 'koa-tenants owner' and wait_event_type = 'Lock'`,
    );
  t.is((await until(waits, (found) => found.length === 1)).length, 1);
  await meanwhile();
  await holder.query('commit');
  return reconciling;
}

const COPY = `(select tenancy.read_copy(id) from public.tenants where schema_name = 'vip')`;

test.serial('a command copies a change that the service copies at the same time', async (t) => {
  await premium.asOwner(`update public.tenants set name = 'outdated' where schema_name = 'vip'`);
  t.is(await reconcileWhile(t, `select tenancy.write_copy(${COPY})`, async () => {}), 1);
});

test.serial('a command that has read an older copy writes the newest', async (t) => {
  await premium.asOwner(`update public.tenants set name = 'outdated' where schema_name = 'vip'`);
  const lock = `select from public.tenants where schema_name = 'vip' for update`;
  const differed = await reconcileWhile(t, lock, () =>
    // Without a notification, by which the service would copy it.
    world.asOwner(
      `begin;
       set local session_replication_role = replica;
       update public.tenants set name = 'newest' where schema_name = 'vip';
       commit`,
    ),
  );
  t.is(differed, 1);
  t.deepEqual(await premium.asOwner(`select name from public.tenants where schema_name = 'vip'`), [
    { name: 'newest' },
  ]);
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
