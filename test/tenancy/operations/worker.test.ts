import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';

import { readConfig } from '../../../src/config/config.ts';
import { listOperationKinds } from '../../../src/operations/list-kinds.ts';
import type { Operation } from '../../../src/tenancy/operations/operation.ts';
import type { Operators } from '../../../src/tenancy/operations/operators.ts';
import { disconnectAt, killAt } from '../../cli/kill-at.ts';
import { run } from '../../cli/run.ts';
import { servedProject } from '../../fixture-app/served-project.ts';
import { environmentOf, until } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { OPERATOR, operatorsOf } from './open-operators.ts';

let world: World;
let operators: Operators;
let directory: string;
let environment: Record<string, string>;
test.serial.before(async () => {
  world = await openWorld({ project: servedProject });
  directory = await mkdtemp(join(tmpdir(), 'koa-tenants-operations-'));
  environment = environmentOf(world, {
    OPERATIONS_DIRECTORY: join(directory, 'dumps'),
    OPERATIONS_LEASE: '600',
    OPERATIONS_CONCURRENCY: '1',
  });
  const ownerService = () => ({
    prepareOwner: async ({ email }: { email: string }) => ({
      username: email,
      email,
      password: 'pbkdf2_sha256$1$hash',
    }),
    mailer: null,
    members: null,
  });
  operators = await operatorsOf(
    world,
    await listOperationKinds(servedProject, readConfig(servedProject, environment), {
      ownerService,
      owners: null,
    }),
  );
});
test.after.always(async () => {
  await world?.close();
  await rm(directory, { recursive: true, force: true });
});

const work = () => run('served-cli.ts', ['worker', '--once', '--json'], environment);

const request = (kind: string, tenant: string | null, given: object = {}): Promise<Operation> =>
  operators.request({ ...OPERATOR, kind, tenant, arguments: given });

const find = async (id: string): Promise<Operation> => {
  const found = await operators.find(id);
  if (!found) {
    throw new Error('The operation does not exist.');
  }
  return found;
};

/** Requests an operation, runs the worker, and returns the operation that succeeded. */
async function succeed(
  t: ExecutionContext,
  kind: string,
  tenant: string | null,
  given: object = {},
): Promise<Operation> {
  const { id } = await request(kind, tenant, given);
  const ran = await work();
  t.is(ran.code, 0, ran.err);
  const operation = await find(id);
  t.is(operation.status, 'succeeded', JSON.stringify(operation.error));
  return operation;
}

const statusOf = async (schema: string) => (await operators.tenant(schema))?.status ?? null;

test.serial('runs the life of a tenant, and records each step in the audit', async (t) => {
  const created = await succeed(t, 'create-tenant', null, {
    schema: 'initech',
    name: 'Initech',
    domain: 'initech.localhost',
    owner_email: 'peter@initech.example',
    owner_password: 'a secret of peter',
  });
  t.like(created.result, { schema: 'initech', domain: 'initech.localhost' });
  t.deepEqual(created.arguments.owner, undefined);
  t.deepEqual(await world.asOwner('select username, is_superuser from initech.users'), [
    { username: 'peter@initech.example', is_superuser: true },
  ]);
  const [stored] = await world.asOwner<{ text: string }>(
    `select jsonb_agg(to_jsonb(o))::text || (select jsonb_agg(to_jsonb(e))::text from tenancy.audit_events as e) as text
     from tenancy.operations as o`,
  );
  t.false(stored?.text.includes('a secret of peter'));

  await succeed(t, 'suspend-tenant', 'initech');
  t.is(await statusOf('initech'), 'suspended');
  await succeed(t, 'resume-tenant', 'initech');
  t.like((await succeed(t, 'start-maintenance', 'initech', { retry_after: 30 })).result, { drained: true });
  await succeed(t, 'end-maintenance', 'initech');
  t.is(await statusOf('initech'), 'active');
  await succeed(t, 'add-domain', 'initech', { domain: 'shop.initech.example' });
  await succeed(t, 'verify-domain', 'initech', { domain: 'shop.initech.example', dns: false });
  await succeed(t, 'set-primary-domain', 'initech', { domain: 'shop.initech.example' });
  await succeed(t, 'remove-domain', 'initech', { domain: 'initech.localhost' });
  await succeed(t, 'change-settings', 'initech', { set: { MAX_SEARCH_WORDS: '3' } });
  await succeed(t, 'rename-tenant', 'initech', { schema: 'initrode', name: 'Initrode' });
  await succeed(t, 'delete-tenant', 'initrode', { keep_days: 0 });
  await succeed(t, 'undelete-tenant', 'initrode');
  await succeed(t, 'delete-tenant', 'initrode', { keep_days: 0 });
  const dumped = await succeed(t, 'dump-tenant', 'initrode');
  t.true(Number(dumped.result?.rows) > 0);
  await rm(join(directory, 'dumps', String(dumped.result?.dump)));
  await succeed(t, 'purge-tenant', 'initrode');
  t.is(await statusOf('initrode'), null);

  const { results } = await operators.audit({ limit: 100, offset: 0, actor: 'olga' });
  t.deepEqual(results.map(({ action }) => action).reverse(), [
    'create-tenant',
    'add-domain',
    'suspend-tenant',
    'resume-tenant',
    'start-maintenance',
    'end-maintenance',
    'add-domain',
    'verify-domain',
    'set-primary-domain',
    'remove-domain',
    'change-settings',
    'rename-tenant',
    'delete-tenant',
    'undelete-tenant',
    'delete-tenant',
    'dump-tenant',
    'purge-tenant',
  ]);
  t.true(
    results.every(
      ({ source, address, operation }) => source === 'api' && address === '192.0.2.7' && operation,
    ),
  );
  const renamed = results.find(({ action }) => action === 'rename-tenant');
  t.deepEqual(renamed?.before, { schema: 'initech', name: 'Initech' });
  t.deepEqual(renamed?.after, { schema: 'initrode', name: 'Initrode' });
  t.is(results[0]?.after, null);
  t.like(results[0]?.before, { schema: 'initrode', status: 'deleted' });
});

test.serial('dumps, restores, clones and migrates tenants, with progress and a log', async (t) => {
  const dumped = await succeed(t, 'dump-tenant', 'acme');
  const dump = String(dumped.result?.dump);
  t.regex(dump, /^acme-\d{8}t\d{6}z\.tenant$/);
  t.deepEqual(await readdir(join(directory, 'dumps')), [dump]);
  t.true((dumped.log?.length ?? 0) > 1);
  t.true(dumped.progress !== null && dumped.progress.done === dumped.progress.total);
  const restored = await succeed(t, 'restore-tenant', null, {
    dump,
    schema: 'acme_restored',
    domains: ['restored.localhost'],
  });
  t.like(restored.result, { schema: 'acme_restored', domains: ['restored.localhost'] });
  t.is(await statusOf('acme_restored'), 'active');
  await succeed(t, 'clone-tenant', 'acme', { schema: 'acme_copy', domains: ['copy.localhost'] });
  t.is(await statusOf('acme_copy'), 'active');
  t.like((await succeed(t, 'migrate', null)).result, { tenants: 0, failures: [] });
  t.like((await succeed(t, 'drift', 'acme')).result, { compared: 1, drifted: 0 });
  t.true(Array.isArray((await succeed(t, 'check', null)).result?.findings));

  const { results } = await operators.audit({ limit: 100, offset: 0, operation: dumped.id });
  t.is(results.length, 1);
  t.like(results[0], { action: 'dump-tenant', tenant: 'acme', actor: 'olga', source: 'api' });
  t.deepEqual(results[0]?.after, { outcome: 'succeeded' });
});

test.serial('a failed operation has a code and a message, and succeeds when it is retried', async (t) => {
  const { id } = await request('remove-domain', 'acme', { domain: 'later.acme.example' });
  await work();
  const failed = await find(id);
  t.like(failed, { status: 'failed', can_retry: true, attempts: 1 });
  t.is(failed.error?.code, 'domain_not_found');
  t.regex(String(failed.error?.message), /is not a domain of "acme"/);
  const { results } = await operators.audit({ limit: 1, offset: 0, operation: id });
  t.like(results[0]?.after, { outcome: 'failed', error: 'domain_not_found', domain: 'later.acme.example' });
  await succeed(t, 'add-domain', 'acme', { domain: 'later.acme.example' });
  t.true(await operators.retry(id, OPERATOR));
  await work();
  t.like(await find(id), { status: 'succeeded', error: null, attempts: 2 });
});

test.serial('an operation does not run on another tenant that has taken the schema name', async (t) => {
  await world.provision('first');
  await world.provision('second');
  const { id } = await request('suspend-tenant', 'first');
  for (const [schema, to] of [
    ['first', 'renamed'],
    ['second', 'first'],
  ] as const) {
    const renamed = await run(
      'served-cli.ts',
      ['rename-tenant', '--schema', schema, '--to', to],
      environment,
    );
    t.is(renamed.code, 0, renamed.err);
  }
  await work();
  const { status, error } = await find(id);
  t.is(status, 'failed');
  t.like(error, { code: 'precondition_failed' });
  t.regex(String(error?.message), /Another tenant has the schema name first/);
  t.deepEqual([await statusOf('first'), await statusOf('renamed')], ['active', 'active']);
});

test.serial('a dump has a name without a path', async (t) => {
  for (const dump of ['../x.tenant', '/etc/passwd', 'a/b.tenant', '.tenant']) {
    await t.throwsAsync(request('restore-tenant', null, { dump }), { message: /^dump: / });
  }
});

/** Ends a worker at its first statement that matches, and lets its lease expire. `how`: killed, or only disconnected. */
async function killWorker(statement: RegExp, how: typeof killAt): Promise<boolean> {
  const killed = await how({
    args: ['worker', '--once'],
    urls: { main: world.ownerUrl },
    on: 'main',
    envOf: ({ main = '' }) => ({ ...environment, OWNER_DATABASE_URL: main }),
    moment: { statement },
  });
  await world.asOwner(
    `update tenancy.operations set lease_until = now() - interval '1 second' where lease_until is not null`,
  );
  return killed;
}

/** Runs workers until the operation has ended. PostgreSQL may still end the transactions of the killed one. */
const ended = (id: string): Promise<Operation> =>
  until(
    async () => {
      await work();
      return find(id);
    },
    ({ status }) => status !== 'running' && status !== 'queued',
  );

test.serial('another worker completes a purge whose worker was killed', async (t) => {
  await world.provision('doomed');
  await succeed(t, 'delete-tenant', 'doomed', { keep_days: 0 });
  const { id } = await request('purge-tenant', 'doomed');
  t.true(await killWorker(/drop schema if exists/, killAt));
  t.is((await find(id)).status, 'running');
  t.deepEqual(await world.asOwner(`select from pg_class where relnamespace = 'doomed'::regnamespace`), []);
  const operation = await ended(id);
  t.like(operation, { status: 'succeeded', attempts: 2 });
  t.true(operation.log?.some(({ text }) => text === 'The worker ended before the operation did.'));
  t.is(await statusOf('doomed'), null);
});

test.serial('a creation whose worker was killed fails, leaves nothing, and can be retried', async (t) => {
  const { id } = await request('create-tenant', null, {
    schema: 'hooli',
    name: 'Hooli',
    domain: 'hooli.localhost',
  });
  t.true(await killWorker(/protect_schema/, disconnectAt));
  const failed = await ended(id);
  t.like(failed, { status: 'failed', attempts: 1, can_retry: true });
  t.like(failed.error, { code: 'operation_interrupted' });
  t.regex(String(failed.error?.hint), /If the tenant exists/);
  t.is(await statusOf('hooli'), null);
  t.true(await operators.retry(id, OPERATOR));
  await work();
  t.is((await find(id)).status, 'succeeded');
  t.is(await statusOf('hooli'), 'active');
});

test.serial('the worker does not run a row that the service has not sealed', async (t) => {
  const { id } = await request('suspend-tenant', 'globex');
  await world.asOwner(
    `update tenancy.operations set schema_name = 'acme', sealed = replace(sealed, 'globex', 'acme') where id = $1`,
    [id],
  );
  const { id: second } = await request('suspend-tenant', 'globex');
  await world.asOwner(`update tenancy.operations set kind = 'delete-tenant' where id = $1`, [second]);
  const copied = '00000000-0000-4000-8000-000000000001';
  const { id: third } = await request('drift', 'globex');
  await world.asOwner(
    `insert into tenancy.operations (id, kind, schema_name, sealed, seal, actor, address)
     select $2, o.kind, o.schema_name, o.sealed, o.seal, o.actor, o.address
     from tenancy.operations as o
     where o.id = $1`,
    [third, copied],
  );
  await work();
  for (const forged of [id, second, copied]) {
    t.is((await find(forged)).error?.code, 'operation_forged');
  }
  t.is((await find(third)).status, 'succeeded');
  t.is(await statusOf('acme'), 'active');
  t.is(await statusOf('globex'), 'active');
});
