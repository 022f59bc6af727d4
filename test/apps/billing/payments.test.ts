import test from 'ava';
import { sql } from 'slonik';
import { z } from 'zod';

import { translateViolation } from '../../../src/db/violations.ts';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { makeUser, PASSWORD, until } from '../../helpers/server.ts';
import { type BillingWorld, openBillingWorld } from './billing-world.ts';

const anything = z.object({}).loose();

let billing: BillingWorld;
test.before(async () => {
  billing = await openBillingWorld();
  await makeUser(billing.world, 'acme', 'ann', { isSuperuser: true });
});
test.after.always(() => billing?.close());

const INVOICE = { schema: 'acme', until: '2030-01-31', reference: 'INV-1', amount: '49.00', currency: 'EUR' };

test.serial('an unpaid tenant gets 402 until a payment is recorded', async (t) => {
  const { world, run, tenant } = billing;
  await world.asOwner(
    `update public.tenants set on_trial = false, paid_until = '2026-01-01' where schema_name = 'acme'`,
  );
  const paid = async (status: number) =>
    (
      await until(
        () => billing.service.request('acme.localhost', 'GET', '/api/paid/'),
        (answer) => answer.status === status,
      )
    ).status;
  t.is(await paid(402), 402);
  t.regex(await run('record-payment', INVOICE), /is recorded. The tenant is served until 2030-02-03/);
  t.like(await tenant('acme'), { on_trial: false, paid_until: '2030-02-03' });
  t.is(await paid(200), 200);
});

test.serial('a payment is recorded once, and its reference belongs to it alone', async (t) => {
  const { run, tenant, world } = billing;
  t.regex(await run('record-payment', INVOICE), /was recorded before/);
  for (const other of [
    { schema: 'globex' },
    { until: '2031-01-31' },
    { amount: '50.00' },
    { currency: 'USD' },
    { amount: undefined },
  ]) {
    await t.throwsAsync(run('record-payment', { ...INVOICE, ...other }), { code: 'payment_conflict' });
  }
  t.is((await tenant('globex')).paid_until, null);
  t.true((await tenant('globex')).on_trial);
  t.is((await tenant('acme')).paid_until, '2030-02-03');

  // An earlier payment that is recorded later does not move the day back.
  await run('record-payment', { ...INVOICE, until: '2029-01-31', reference: 'INV-0' });
  t.is((await tenant('acme')).paid_until, '2030-02-03');

  const same = { schema: 'globex', until: '2030-05-31', reference: 'INV-2' };
  const printed = await Promise.all(Array.from({ length: 4 }, () => run('record-payment', same)));
  t.is(printed.filter((line) => line.includes('is recorded')).length, 1);
  const raced = await Promise.allSettled(
    ['acme', 'globex'].map((schema) => run('record-payment', { ...same, schema, reference: 'INV-3' })),
  );
  t.deepEqual(raced.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  const [{ payments } = {}] = await world.asOwner(
    'select count(*)::integer as payments from tenancy.payments',
  );
  t.is(payments, 4);
});

test.serial('invalid payments are rejected', async (t) => {
  for (const wrong of [
    { until: '2030-02-30' },
    { until: '1999-12-31' },
    { until: 'tomorrow' },
    { reference: '' },
    { reference: 'a b' },
    { reference: 'x'.repeat(256) },
    { reference: 'stripe:in_1' },
    { amount: '-1' },
    { amount: 'NaN' },
    { currency: 'eur' },
  ]) {
    await t.throwsAsync(
      billing.run('record-payment', { ...INVOICE, reference: 'INV-9', ...wrong }),
      { code: 'usage_invalid' },
      JSON.stringify(wrong),
    );
  }
  await t.throwsAsync(billing.run('record-payment', { ...INVOICE, schema: 'nobody', reference: 'INV-9' }), {
    code: 'tenant_not_found',
  });
});

test.serial('a trial ends after its days, and not before', async (t) => {
  const { world, work, tenant } = billing;
  const names = ['fresh', 'late', 'longer'];
  for (const name of names) {
    await world.provision(name);
  }
  // Fixed days: the day of today may end during the test.
  await world.asOwner(
    `update public.tenants set created_at = '2026-01-10 12:00Z' where schema_name in ('late', 'longer')`,
  );
  await world.asOwner(`update public.tenants set paid_until = '2999-12-31' where schema_name = 'longer'`);
  await work({ BILLING_STRIPE_WEBHOOK_SECRET: '' });
  t.true((await tenant('late')).on_trial, 'without BILLING_TRIAL_DAYS');
  await work({ BILLING_TRIAL_DAYS: '14' });
  t.like(await tenant('late'), { on_trial: false, paid_until: '2026-01-24' });
  t.like(await tenant('fresh'), { on_trial: true });
  t.like(await tenant('longer'), { on_trial: true });
});

test.serial('a plan sets the limits of a tenant, and replaces those of the previous plan', async (t) => {
  const { run, tenant, world } = billing;
  await world.asOwner(
    `update public.tenants set settings = '{"TENANT_CONCURRENCY": 2}' where schema_name = 'globex'`,
  );
  await run('set-plan', { schema: 'globex', plan: 'small' });
  t.deepEqual((await tenant('globex')).settings, {
    TENANT_CONCURRENCY: 2,
    USERS_LIMIT: '2',
    STATEMENT_TIMEOUT: '2000',
  });
  await run('set-plan', { schema: 'globex', plan: 'large' });
  t.deepEqual((await tenant('globex')).settings, {
    TENANT_CONCURRENCY: 2,
    USERS_LIMIT: '50',
    TENANT_REQUESTS_PER_MINUTE: '900',
  });
  await t.throwsAsync(run('set-plan', { schema: 'globex', plan: 'broken' }), {
    code: 'configuration_invalid',
  });
  await t.throwsAsync(run('set-plan', { schema: 'globex', plan: 'toString' }), { code: 'usage_invalid' });
  t.like((await tenant('globex')).settings, { USERS_LIMIT: '50' });
});

const addUser = (name: string) => sql.type(anything)`
  insert into users (username, email, password)
  values (${name}, ${`${name}@example.com`}, '!')
`;

test.serial('rows above a limit are rejected, also of concurrent transactions', async (t) => {
  const { world, service } = billing;
  const acme = { tenant: world.acme.id, readOnly: false };
  await world.asOwner(`update public.tenants set settings = '{"USERS_LIMIT": 2}' where schema_name = 'acme'`);
  const inserted = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  const first = withTenant(world.tenantDatabase, acme, async (tx) => {
    await tx.query(addUser('second'));
    inserted.resolve();
    await end.promise;
  });
  await inserted.promise;
  const second = withTenant(world.tenantDatabase, acme, (tx) => tx.query(addUser('third'))).then(
    () => null,
    (error: unknown) => translateViolation(error),
  );
  const waiting = await until(
    () =>
      world.asOwner(
        `select from pg_locks where locktype = 'advisory' and not granted
         and database = (select oid from pg_database where datname = current_database())`,
      ),
    (rows) => rows.length > 0,
  );
  t.is(waiting.length, 1, 'the second insert waits for the first');
  end.resolve();
  await first;
  t.like(await second, {
    code: 'limit_reached',
    message: 'This workspace has reached its limit of 2 users. Delete some, or choose a larger plan.',
  });
  await world.asOwner(`update acme.users set is_superuser = true where username = 'ann'`);
  const body = { username: 'fourth', email: 'fourth@example.com', password: PASSWORD };
  const answer = await service.request('acme.localhost', 'POST', '/api/auth/users/', { body });
  t.deepEqual([answer.status, answer.body.code], [403, 'limit_reached'], answer.text);
  // The owner's commands, such as restores, are not limited.
  await makeUser(world, 'acme', 'operator');
  await world.asOwner(`delete from acme.users where username in ('operator', 'second')`);
  t.is((await service.request('acme.localhost', 'POST', '/api/auth/users/', { body })).status, 201);
  const [{ users } = {}] = await world.asOwner('select count(*)::integer as users from acme.users');
  t.is(users, 2);
});

test.serial('a tenant that uses its storage cannot add rows', async (t) => {
  const { world } = billing;
  const globex = { tenant: world.globex.id, readOnly: false };
  await world.asOwner(
    `update public.tenants set settings = '{"TENANT_STORAGE_MB": 1}' where schema_name = 'globex'`,
  );
  await withTenant(world.tenantDatabase, globex, (tx) => tx.query(addUser('early')));
  await world.asOwner(
    `create table globex.filler as select repeat('x', 1000) as text from generate_series(1, 2000)`,
  );
  await world.asOwner('analyze globex.filler');
  const error = await t.throwsAsync(
    withTenant(world.tenantDatabase, globex, (tx) => tx.query(addUser('late'))),
  );
  t.like(translateViolation(error), {
    code: 'limit_reached',
    message: 'This workspace uses all of its 1 MiB of storage. Delete data, or choose a larger plan.',
  });
  await world.asOwner('drop table globex.filler');
  await withTenant(world.tenantDatabase, globex, (tx) => tx.query(addUser('late')));
  await world.asOwner(`update public.tenants set settings = '{}' where schema_name = 'globex'`);
});

test.serial("a tenant's SQL cannot read or write payments, plans and paid days", async (t) => {
  const { world } = billing;
  await world.asOwner(`update public.tenants set settings = '{}' where schema_name = 'acme'`);
  const before = await world.asOwner('select * from public.tenants order by id');
  for (const tenant of [world.acme.id, await siteId()]) {
    for (const text of [
      'select reference from tenancy.payments',
      'select plan from tenancy.subscriptions',
      'select paid_until from public.tenants',
      `insert into tenancy.payments (reference, tenant_id, paid_until) values ('forged', '${world.acme.id}', '2099-01-01')`,
      `insert into tenancy.subscriptions (tenant_id, customer) values ('${world.globex.id}', 'cus_forged')`,
      `update tenancy.subscriptions set plan = 'large'`,
      `update public.tenants set paid_until = '2099-01-01'`,
      `update public.tenants set settings = '{}'`,
      'delete from tenancy.payments',
    ]) {
      const error = await t.throwsAsync(
        withTenant(world.tenantDatabase, { tenant, readOnly: false }, (tx) => tx.query(text)),
        undefined,
        text,
      );
      t.regex(String((error as { cause?: unknown })?.cause ?? error), /permission denied/, text);
    }
  }
  // Events are in the schema of the public site.
  for (const text of [
    'select id from site.stripe_events',
    `insert into site.stripe_events (id) values ('evt_forged')`,
    `alter table users disable trigger users__limit`,
    `drop trigger users__limit on users`,
  ]) {
    await t.throwsAsync(
      withTenant(world.tenantDatabase, { tenant: world.acme.id, readOnly: false }, (tx) => tx.query(text)),
      undefined,
      text,
    );
  }
  t.deepEqual(await world.asOwner('select * from public.tenants order by id'), before);
});

async function siteId() {
  const [row] = await billing.world.asOwner(`select id from public.tenants where schema_name = 'site'`);
  return row?.id;
}
