import test from 'ava';
import pg from 'pg';

import { readConfig } from '../../../src/config/config.ts';
import { ApiError, ValidationFailed } from '../../../src/errors.ts';
import { operationsJob } from '../../../src/operations/operations-job.ts';
import type { Operators } from '../../../src/tenancy/operations/operators.ts';
import { environmentOf, until } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { OPERATOR, operatorsOf, paint, waits } from './open-operators.ts';

let world: World;
let operators: Operators;
test.serial.before(async () => {
  world = await openWorld();
  operators = await operatorsOf(world, [paint, ...waits]);
});
test.after.always(() => world?.close());

const PAGE = { limit: 20, offset: 0 };

test.serial('records an operation, and lists it without hidden arguments', async (t) => {
  const requested = await operators.request({
    ...OPERATOR,
    kind: 'paint',
    tenant: 'acme',
    arguments: { color: 'red' },
  });
  t.like(requested, {
    kind: 'paint',
    tenant: 'acme',
    status: 'queued',
    actor: 'olga',
    address: '192.0.2.7',
    progress: null,
    can_cancel: true,
    can_retry: false,
    log: [],
  });
  t.deepEqual(requested.arguments, { color: 'red', coats: 1 });
  const { count, results } = await operators.list({ ...PAGE, tenant: 'acme', status: 'queued' });
  t.is(count, 1);
  const { isRepeated, ...operation } = requested;
  t.false(isRepeated);
  t.deepEqual(results, [{ ...operation, log: null }]);
  t.is((await operators.list({ ...PAGE, tenant: 'globex' })).count, 0);
  t.is((await operators.list({ ...PAGE, kind: 'other' })).count, 0);
});

test.serial('rejects an unknown kind, invalid arguments and a wrong tenant', async (t) => {
  const paint = { ...OPERATOR, kind: 'paint', tenant: 'acme', arguments: { color: 'red' } };
  const request = (changes: object) => operators.request({ ...paint, ...changes });
  await t.throwsAsync(request({ kind: 'nothing' }), { instanceOf: ValidationFailed, message: /^kind: / });
  await t.throwsAsync(request({ arguments: { color: 'green' } }), { message: /^color: / });
  await t.throwsAsync(request({ arguments: { color: 'red', more: 1 } }), { instanceOf: ValidationFailed });
  await t.throwsAsync(request({ tenant: 'nobody' }), { instanceOf: ApiError, code: 'tenant_not_found' });
  await t.throwsAsync(request({ tenant: 'site' }), { message: /^tenant: / });
  t.is((await operators.list(PAGE)).count, 1);
});

test.serial('cancels an operation that waits, once, and queues it again', async (t) => {
  const { id } = await operators.request({
    ...OPERATOR,
    kind: 'paint',
    tenant: null,
    arguments: { color: 'blue' },
  });
  t.false(await operators.retry(id, OPERATOR));
  t.true(await operators.cancel(id, OPERATOR));
  t.false(await operators.cancel(id, OPERATOR));
  t.like(await operators.find(id), { status: 'canceled', can_cancel: false, can_retry: true });
  t.true(await operators.retry(id, OPERATOR));
  t.like(await operators.find(id), { status: 'queued', ended_at: null });
  t.is(await operators.find('00000000-0000-4000-8000-000000000000'), null);
  const events = await operators.audit({ ...PAGE, operation: id });
  t.deepEqual(
    events.results.map(({ action, actor, source, address }) => [action, actor, source, address]),
    [
      ['retry-operation', 'olga', 'api', '192.0.2.7'],
      ['cancel-operation', 'olga', 'api', '192.0.2.7'],
    ],
  );
});

test.serial('a captured cancellation or retry cannot be repeated after the next one', async (t) => {
  const calls: Array<readonly [string, string, number, string]> = [];
  const pool = {
    one: (query: { sql: string; values: readonly unknown[] }) => {
      const [name = ''] = /\w+_operations?(?="\()/.exec(query.sql) ?? [];
      calls.push([name, ...(query.values as [string, number, string])]);
      return world.pool.one(query as never);
    },
  };
  const watched = await operatorsOf({ ...world, pool } as unknown as World, [paint]);
  const { id } = await watched.request({
    ...OPERATOR,
    kind: 'paint',
    tenant: null,
    arguments: { color: 'red' },
  });
  t.true(await watched.cancel(id, OPERATOR));
  t.true(await watched.retry(id, OPERATOR));
  const client = await world.bare();
  const replay = async (wanted: string) => {
    const [name, ...values] = calls.find(([each]) => each === wanted) ?? [];
    const { rows } = await client.query<{ done: boolean }>({
      text: `select tenancy.${name}($1, $2, $3) as done`,
      values,
    });
    return rows[0]?.done;
  };
  t.false(await replay('cancel_operation'));
  t.like(await operators.find(id), { status: 'queued' });
  t.true(await operators.cancel(id, OPERATOR));
  t.false(await replay('retry_operation'));
  t.false(await replay('cancel_operation'));
  t.like(await operators.find(id), { status: 'canceled' });
  await t.throwsAsync(replay('request_operation'), { message: /operations_pkey/ });
});

test.serial('requests with one Idempotency-Key are one operation', async (t) => {
  const idempotencyKey = { userId: '7', key: 'a-key' };
  const request = (changes: object) =>
    operators.request({
      ...OPERATOR,
      kind: 'paint',
      tenant: 'acme',
      arguments: { color: 'red' },
      idempotencyKey,
      ...changes,
    });
  const before = (await operators.list(PAGE)).count;
  const both = await Promise.all([request({}), request({})]);
  t.deepEqual(both.map(({ isRepeated }) => isRepeated).sort(), [false, true]);
  t.is(both[0].id, both[1].id);
  for (const changes of [
    { tenant: 'globex' },
    { arguments: { color: 'blue' } },
    { kind: 'wait', arguments: {} },
  ]) {
    await t.throwsAsync(request(changes), { instanceOf: ApiError, code: 'idempotency_key_reused' });
  }
  t.true(await operators.cancel(both[0].id, OPERATOR));
  t.like(await request({}), { id: both[0].id, isRepeated: true, status: 'canceled' });
  t.is((await operators.list(PAGE)).count, before + 1);
  const other = await request({ idempotencyKey: { ...idempotencyKey, userId: '8' } });
  t.like(other, { isRepeated: false });
  t.true(await operators.cancel(other.id, OPERATOR));
});

test.serial('lists, filters, orders and shows tenants', async (t) => {
  await world.provision('initech');
  await world.asOwner(
    `update public.tenants set status = 'suspended', name = 'Zeta 100% _x' where schema_name = 'initech';
     insert into tenancy.migration_failures (tenant_id, migration, error)
     select t.id, 'm', 'it broke' from public.tenants as t where t.schema_name = 'globex'`,
  );
  const schemas = async (query: object) =>
    (await operators.tenants({ ...PAGE, ...query })).results.map(({ schema }) => schema);
  t.deepEqual(await schemas({}), ['acme', 'globex', 'initech']);
  t.deepEqual(await schemas({ descending: true }), ['initech', 'globex', 'acme']);
  t.deepEqual(await schemas({ search: 'GLOB' }), ['globex']);
  t.deepEqual(await schemas({ search: '0% _' }), ['initech']);
  t.deepEqual(await schemas({ search: 'acme.local' }), ['acme']);
  t.deepEqual(await schemas({ search: 'a_me' }), []);
  t.deepEqual(await schemas({ status: 'suspended' }), ['initech']);
  t.deepEqual(await schemas({ failed: true }), ['globex']);
  t.deepEqual(await schemas({ order: 'created_at', descending: true }), ['initech', 'globex', 'acme']);
  t.deepEqual(await schemas({ order: 'name', descending: true }), ['initech', 'globex', 'acme']);
  t.is((await schemas({ order: 'size_bytes' })).length, 3);
  t.deepEqual(
    await operators
      .tenants({ limit: 1, offset: 1 })
      .then(({ count, results }) => [count, results[0]?.schema]),
    [3, 'globex'],
  );
  const [acme] = (await operators.tenants({ ...PAGE, search: 'acme' })).results;
  t.like(acme, {
    schema: 'acme',
    status: 'active',
    domain: 'acme.localhost',
    domains_count: 1,
    plan: null,
    on_trial: true,
    is_current: true,
    failed_migration: null,
    database: 'main',
  });
  t.true(Number.isFinite(acme?.size_bytes));

  await world.asOwner(`insert into public.domains (domain, tenant_id) values ('shop.acme.example', $1)`, [
    world.acme.id,
  ]);
  await world.asOwner(`update public.tenants set settings = '{"MAX_SEARCH_WORDS": 3}' where id = $1`, [
    world.acme.id,
  ]);
  await world.asOwner(
    `update public.tenants set settings = '{"GONE": 1, "MAX_SEARCH_WORDS": "many"}' where id = $1`,
    [world.globex.id],
  );
  t.deepEqual(
    (await operators.tenant('globex'))?.settings.filter(({ is_overridden }) => is_overridden),
    [
      { name: 'MAX_SEARCH_WORDS', value: 'many', default: 20, is_overridden: true },
      { name: 'GONE', value: 1, default: null, is_overridden: true },
    ],
  );
  const details = await operators.tenant('acme');
  t.deepEqual(
    details?.domains.map(({ domain, is_primary, dns_record }) => [
      domain,
      is_primary,
      dns_record?.name ?? null,
    ]),
    [
      ['acme.localhost', true, null],
      ['shop.acme.example', false, '_koa-tenants.shop.acme.example'],
    ],
  );
  t.deepEqual(
    details?.settings.find(({ name }) => name === 'MAX_SEARCH_WORDS'),
    { name: 'MAX_SEARCH_WORDS', value: 3, default: 20, is_overridden: true },
  );
  t.like(await operators.tenant('globex'), { last_error: { migration: 'm', message: 'it broke' } });
  t.is(await operators.tenant('nobody'), null);
  t.like(await operators.tenant('site'), { schema: 'site' });
});

test.serial('sums the fleet up', async (t) => {
  const fleet = await operators.fleet();
  t.deepEqual(fleet.tenants, { active: 2, suspended: 1 });
  t.is(fleet.versions.length, 1);
  t.is(fleet.behind, 0);
  t.like(fleet.failed_migrations[0], { schema: 'globex', migration: 'm', message: 'it broke' });
  t.is(fleet.largest.length, 3);
  t.deepEqual(fleet.operations, { queued: 2, running: 0, failed_today: 0 });
  t.is(fleet.drift, null);
});

const startJob = () => {
  const ending = new AbortController();
  const config = readConfig(world.fleet.project, environmentOf(world, { OPERATIONS_LEASE: '600' }));
  const job = operationsJob(world.fleet.project, config, world.ownerUrl, operators.kinds);
  return { stop: () => ending.abort(), ended: job.run(ending.signal) };
};

const request = (kind: string, tenant: string | null) =>
  operators.request({ ...OPERATOR, kind, tenant, arguments: {} });

const reaches = (id: string, wanted: string) =>
  until(
    () => operators.find(id),
    (found) => found?.status === wanted && (wanted !== 'running' || found.progress !== null),
  );

test.serial('a running operation shows its progress, and ends when it is canceled', async (t) => {
  await world.asOwner(`delete from tenancy.operations`);
  const { id } = await request('wait', null);
  const { ended } = startJob();
  const running = await reaches(id, 'running');
  t.like(running, { can_cancel: true, is_canceling: false, can_retry: false, attempts: 1 });
  t.deepEqual(running?.progress, { done: 1, total: 2, text: 'half' });
  t.deepEqual(
    running?.log?.map(({ text }) => text),
    ['waits'],
  );
  t.true(await operators.cancel(id, OPERATOR));
  t.is(await ended, 'wait canceled');
  t.like(await operators.find(id), { status: 'canceled', error: null, can_retry: true });
});

test.serial(
  'a worker that stops queues what can be repeated, and fails the rest with what to check',
  async (t) => {
    const [once, again] = [await request('wait', null), await request('wait-again', null)];
    const { stop, ended } = startJob();
    await reaches(once.id, 'running');
    await reaches(again.id, 'running');
    stop();
    await ended;
    const failed = await operators.find(once.id);
    t.deepEqual(failed?.error, {
      code: 'operation_interrupted',
      message: 'The worker stopped before the operation had ended.',
      hint: 'Wait again.',
    });
    t.like(await operators.find(again.id), { status: 'queued', attempts: 0, ended_at: null });
    t.true(await operators.cancel(again.id, OPERATOR));
  },
);

test.serial('two operations of one tenant do not run at the same time, also with two workers', async (t) => {
  const ids = [
    await request('wait', 'acme'),
    await request('wait', 'acme'),
    await request('wait', 'globex'),
  ].map(({ id }) => id);
  const workers = [startJob(), startJob()];
  const statuses = async () => Promise.all(ids.map(async (id) => (await operators.find(id))?.status));
  await until(statuses, (all) => all[0] === 'running' && all[2] === 'running');
  t.deepEqual(await statuses(), ['running', 'queued', 'running']);
  for (const id of ids) {
    await reaches(id, 'running');
    t.true(await operators.cancel(id, OPERATOR));
    await reaches(id, 'canceled');
  }
  await Promise.all(workers.map(({ ended }) => ended));
});

test.serial('a worker runs an operation whose tenant is freed while it looks for one', async (t) => {
  const { id } = await request('wait', 'acme');
  await operators.request({ ...OPERATOR, kind: 'paint', tenant: 'acme', arguments: { color: 'red' } });
  // A claim that finds no operation waits for a lock of this test before it returns.
  await world.asOwner(`
    create function public.hold_claim() returns trigger language plpgsql as $$
    begin
      if current_query() like '%set status = ''running''%' and not exists (select from changed) then
        perform pg_catalog.pg_advisory_xact_lock_shared(7);
      end if;
      return null;
    end $$;
    create trigger hold_claim after update on tenancy.operations referencing new table as changed
      for each statement execute function public.hold_claim()`);
  const holder = new pg.Client(world.owner);
  await holder.connect();
  t.teardown(() => holder.end());
  await holder.query('select pg_catalog.pg_advisory_lock(7)');
  const { ended } = startJob();
  const waits = () =>
    world.asOwner(
      `select from pg_catalog.pg_locks as l
       where l.locktype = 'advisory' and l.objid = 7 and not l.granted
         and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())`,
    );
  t.is((await until(waits, (found) => found.length === 1)).length, 1);
  t.true(await operators.cancel(id, OPERATOR));
  await reaches(id, 'canceled');
  await holder.query('select pg_catalog.pg_advisory_unlock(7)');
  t.is(await ended, 'wait of acme canceled; paint of acme succeeded');
  await world.asOwner('drop trigger hold_claim on tenancy.operations; drop function public.hold_claim()');
});

test.serial('a worker that has lost its lease stores nothing', async (t) => {
  const { id } = await request('wait', null);
  const { ended } = startJob();
  await reaches(id, 'running');
  await world.asOwner(
    `update tenancy.operations set lease_holder = gen_random_uuid(), lease_until = now() + interval '1 hour' where id = $1`,
    [id],
  );
  t.is(await ended, 'wait lost');
  t.like(await operators.find(id), { status: 'running', ended_at: null });
  await world.asOwner('delete from tenancy.operations where id = $1', [id]);
});
