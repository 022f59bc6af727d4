import test from 'ava';
import { sql, UniqueIntegrityConstraintViolationError } from 'slonik';
import { z } from 'zod';

import { databaseFields, translateViolation } from '../../../src/db/violations.ts';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import type { AuditEvent } from '../../../src/tenancy/operations/fleet-views.ts';
import type { Operators } from '../../../src/tenancy/operations/operators.ts';
import { run } from '../../cli/run.ts';
import { environmentOf } from '../../helpers/server.ts';
import { type Member, openWorld, type World } from '../../helpers/world.ts';
import { OPERATOR, operatorsOf } from './open-operators.ts';

let world: World;
let operators: Operators;
test.serial.before(async () => {
  world = await openWorld();
  operators = await operatorsOf(world);
});
test.after.always(() => world?.close());

const tenants = (args: readonly string[], more: Record<string, string> = {}) =>
  run('cli.ts', args, environmentOf(world, more));

const events = async (query: object): Promise<readonly AuditEvent[]> =>
  (await operators.audit({ limit: 100, offset: 0, ...query })).results;

test.serial(
  'a command that changes the registry is one event, with its actor and what changed',
  async (t) => {
    t.is((await tenants(['suspend-tenant', '--schema', 'acme'])).code, 0);
    t.is((await tenants(['suspend-tenant', '--schema', 'acme'])).code, 0);
    t.is((await tenants(['resume-tenant', '--schema', 'acme'], { OPERATOR: 'deploy bot' })).code, 0);
    const ssh = { SSH_CONNECTION: '198.51.100.4 50000 10.0.0.1 22' };
    t.is((await tenants(['settings', '--schema', 'acme', '--set', 'MAX_SEARCH_WORDS=4'], ssh)).code, 0);
    const found = await events({ tenant: 'acme', source: 'cli' });
    t.deepEqual(
      found.map(({ action, actor, address, before, after }) => [action, actor, address, before, after]),
      [
        [
          'change-settings',
          'tester',
          '198.51.100.4',
          { settings: {} },
          { settings: { MAX_SEARCH_WORDS: '4' } },
        ],
        ['resume-tenant', 'deploy bot', 'test-machine', { status: 'suspended' }, { status: 'active' }],
        ['suspend-tenant', 'tester', 'test-machine', { status: 'active' }, { status: 'suspended' }],
      ],
    );
  },
);

test.serial('a command that changes no row of the registry is an event with declared options', async (t) => {
  const ran = await tenants(['sql', '--schema', 'acme', '-c', `select 'a secret' as word`]);
  t.is(ran.code, 0, ran.err);
  t.is((await tenants(['sql', '--schema', 'acme', '-c', 'select from nothing'])).code, 1);
  t.is(
    (await tenants(['clone-tenant', '--from', 'acme', '--schema', 'acme', '--domain', 'x.localhost'])).code,
    1,
  );
  // Nothing was done: a wrong option.
  t.is((await tenants(['sql', '--schema', 'Not A Schema', '-c', 'select 1'])).code, 2);
  const found = await events({ actor: 'tester' });
  t.deepEqual(
    found.slice(0, 3).map(({ action, tenant, after }) => [action, tenant, after?.outcome, after?.from]),
    [
      ['clone-tenant', 'acme', 'failed', 'acme'],
      ['sql', 'acme', 'failed', undefined],
      ['sql', 'acme', 'succeeded', undefined],
    ],
  );
  t.false(JSON.stringify(found).includes('a secret'));
  const reading = await tenants(['list-tenants']);
  t.is(reading.code, 0);
  t.is((await events({ actor: 'tester' })).length, found.length);
});

test.serial('a statement of a login is an event too, and values of secret settings are hidden', async (t) => {
  await world.asOwner(
    `update public.tenants set settings = '{"APP_API_TOKEN": "s3cret", "APP_TOKEN_LIFETIME": 600}' where schema_name = 'globex'`,
  );
  const [event] = await events({ tenant: 'globex', source: 'sql' });
  t.deepEqual(event?.after, { settings: { APP_API_TOKEN: '(hidden)', APP_TOKEN_LIFETIME: 600 } });
  t.is(event?.actor, new URL(world.ownerUrl).username);
  await world.asOwner(`update public.tenants set settings = '{}' where schema_name = 'globex'`);
});

test.serial('no statement changes the audit, not even of its owner', async (t) => {
  const before = await events({});
  for (const statement of [
    `update tenancy.audit_events set actor = 'nobody'`,
    'delete from tenancy.audit_events',
    'truncate tenancy.audit_events',
    'delete from tenancy.audit_events where false',
  ]) {
    await t.throwsAsync(world.asOwner(statement), { message: /the audit is append-only/ });
    await t.throwsAsync(world.asOwner(`set session_replication_role = replica; ${statement}`), {
      message: /the audit is append-only/,
    });
    await world.asOwner('reset session_replication_role');
    const owner = world.asOwner(`set role tenancy_owner; ${statement}`);
    await t.throwsAsync(owner, { message: /the audit is append-only/ });
    await world.asOwner('reset role');
  }
  t.deepEqual(await events({}), before);
});

const row = z.record(z.string(), z.unknown());

const inside = (member: Member, statement: string) =>
  withTenant(world.tenantDatabase, { tenant: member.id, readOnly: false }, (tx) =>
    tx.any({ ...sql.type(row)`select`, sql: statement }),
  );

test.serial('a tenant reads its own events, page by page, without addresses of operators', async (t) => {
  await inside(
    world.globex,
    `select tenancy.record_own_event('change-note', '{"name": "a"}', '{"name": "b"}', 'gus', '203.0.113.9')`,
  );
  const own = await inside(world.acme, 'select * from tenancy.own_audit_events(null, 100)');
  t.true(own.length > 3);
  t.false(JSON.stringify(own).includes('change-note'));
  t.true(own.every(({ address }) => address === null));
  const [newest, second] = own;
  t.deepEqual(await inside(world.acme, `select * from tenancy.own_audit_events('${newest?.id}', 1)`), [
    second,
  ]);

  const [event] = await inside(world.globex, 'select * from tenancy.own_audit_events(null, 1)');
  t.like(event, { action: 'change-note', actor: 'gus', source: 'tenant', address: '203.0.113.9' });
  t.like((await events({ source: 'tenant' }))[0], { tenant: 'globex', actor: 'gus', before: { name: 'a' } });
});

test.serial(
  'size and number of the events of a tenant are limited, and outside a tenant there are none',
  async (t) => {
    const rejects = async (statement: string, code: string, message: RegExp) => {
      const error = await t.throwsAsync(inside(world.acme, statement), { message });
      t.is(databaseFields(error)?.code, code);
      return translateViolation(error);
    };
    await rejects(
      `select tenancy.record_own_event('x', null, jsonb_build_object('x', repeat('x', 70000)))`,
      'KT010',
      /at most 65536 characters/,
    );
    const tooMany = await rejects(
      `select count(tenancy.record_own_event('x', null, null)) from generate_series(1, 1001)`,
      'KT009',
      /at most 1000 audit events/,
    );
    t.like(tooMany, { code: 'throttled', retryAfter: 60 });
    await rejects(
      `select count(tenancy.record_own_event('x', null, jsonb_build_object('x', (
         select string_agg(md5(random()::text || n || m), '') from generate_series(1, 2000) as m
       ))))
       from generate_series(1, 40) as n`,
      'KT009',
      /2 MiB per minute/,
    );
    await rejects(
      `select count(tenancy.mark_due('kind_' || n)) from generate_series(1, 17) as n`,
      'KT011',
      /at most 16 kinds of due work/,
    );
    const client = await world.bare();
    await t.throwsAsync(client.query(`select tenancy.record_own_event('x', null, null)`), { code: 'KT001' });
    t.deepEqual((await client.query('select from tenancy.own_audit_events(null, 9)')).rows, []);
    t.deepEqual(await events({ action: 'x' }), []);
  },
);

test.serial('a long or empty name never blocks the change that the event records', async (t) => {
  const long = 'n'.repeat(300);
  await inside(world.acme, `select tenancy.record_own_event('long-name', null, null, '${long}', '${long}')`);
  t.like((await events({ action: 'long-name' }))[0], { actor: 'n'.repeat(255), address: 'n'.repeat(255) });
  await inside(world.acme, `select tenancy.record_own_event('no-name', null, null, '', '')`);
  t.like((await events({ action: 'no-name' }))[0], { actor: 'tenant', address: null });
  await operators.record({
    actor: long,
    address: '',
    action: 'long-name',
    tenant: world.acme.id,
    before: null,
    after: null,
  });
  t.like((await events({ action: 'long-name' }))[0], {
    actor: 'n'.repeat(255),
    source: 'api',
    address: null,
  });
});

test.serial('events survive a purge, and the command lists them', async (t) => {
  await world.provision('doomed');
  t.is((await tenants(['delete-tenant', '--schema', 'doomed', '--purge', '--yes'])).code, 0);
  const ran = await tenants(['audit', '--schema', 'doomed', '--json']);
  t.is(ran.code, 0, ran.err);
  t.deepEqual(
    (JSON.parse(ran.out) as AuditEvent[]).map(({ action }) => action),
    ['purge-tenant', 'delete-tenant', 'add-domain', 'create-tenant'],
  );
  const lines = await tenants(['audit', '--schema', 'doomed', '--limit', '1']);
  t.regex(
    lines.out,
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}cli {5}tester \(test-machine\) {2}purge-tenant {2}doomed {2}\{/,
  );
  t.regex(lines.err, /1 of 4 events/);
});

test.serial('the service records what it does for an operator', async (t) => {
  await operators.record({
    ...OPERATOR,
    action: 'reset-password',
    tenant: world.acme.id,
    before: null,
    after: { user: 'ann' },
  });
  t.like((await events({ action: 'reset-password' }))[0], {
    actor: 'olga',
    source: 'api',
    tenant: 'acme',
    after: { user: 'ann' },
    before: null,
  });
});

test.serial('a call of the service that is replayed with its proof adds no second event', async (t) => {
  const calls: Array<Parameters<World['pool']['one']>[0]> = [];
  const pool = {
    ...world.pool,
    one: ((query) => {
      calls.push(query);
      return world.pool.one(query);
    }) as World['pool']['one'],
  };
  const recording = await operatorsOf({ ...world, pool });
  await recording.record({
    ...OPERATOR,
    action: 'once',
    tenant: world.acme.id,
    before: null,
    after: null,
  });
  const [call] = calls;
  t.is(calls.length, 1);
  await t.throwsAsync(world.pool.one(call as NonNullable<typeof call>), {
    instanceOf: UniqueIntegrityConstraintViolationError,
  });
  t.is((await events({ action: 'once' })).length, 1);
});

test.serial('ids of events are in the order of time', async (t) => {
  const rows = await world.asOwner<{ id: string; version: number }>(
    `select tenancy.new_event_id() as id from generate_series(1, 1000)`,
  );
  const ids = rows.map(({ id }) => id);
  t.true(ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)));
  t.deepEqual(
    ids.map((id) => id.slice(0, 13)),
    ids.map((id) => id.slice(0, 13)).toSorted(),
  );
});
