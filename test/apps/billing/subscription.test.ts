import test from 'ava';

import {
  type Facts,
  type Subscription,
  subscriptionOf,
} from '../../../src/apps/billing/subscription/subscription.ts';
import { createBrowserTest } from '../../helpers/browser-tests.ts';
import { findFaults } from '../../helpers/chromium.ts';
import { createFormClient } from '../../helpers/form-client.ts';
import { makeUser, PASSWORD, until } from '../../helpers/server.ts';
import { type BillingWorld, openBillingWorld } from './billing-world.ts';

const ACME = 'acme.localhost';
const API = '/api/billing/';

const testInBrowser = createBrowserTest(test);

let billing: BillingWorld;
test.before(async () => {
  billing = await openBillingWorld();
  await makeUser(billing.world, 'acme', 'owner', { email: 'owner@example.com' });
  await makeUser(billing.world, 'acme', 'member', { email: 'member@example.com' });
  await makeUser(billing.world, 'globex', 'hank', { email: 'hank@example.com' });
  await billing.world.asOwner('update acme.users set is_staff = true where username = $1', ['owner']);
});
test.after.always(() => billing?.close());

const FACTS: Facts = {
  plan: null,
  paid_until: null,
  on_trial: false,
  is_suspended: false,
  created_on: '2030-01-01',
  today: '2030-01-15',
  payments: [],
};

const paidUntil = (day: string): Subscription['payments'][number] => ({
  reference: day,
  paid_until: day,
  amount: null,
  currency: null,
  recorded_at: '2030-01-01T00:00:00Z',
});

test('the status follows from the trial, the day until which the tenant is served, and the last paid day', (t) => {
  const statusOf = (facts: Partial<Facts>, trialDays = 0) => {
    const { status, trial_until: until } = subscriptionOf({ ...FACTS, ...facts }, [], trialDays);
    return [status, until];
  };
  t.deepEqual(statusOf({}), ['unlimited', null]);
  t.deepEqual(statusOf({ on_trial: true }), ['trial', null]);
  t.deepEqual(statusOf({ on_trial: true }, 30), ['trial', '2030-01-31']);
  t.deepEqual(statusOf({ on_trial: true, paid_until: '2030-02-03' }, 30), ['trial', '2030-02-03']);
  t.deepEqual(statusOf({ paid_until: '2030-01-15' }), ['paid', null]);
  t.deepEqual(statusOf({ paid_until: '2030-01-14' }), ['unpaid', null]);
  const payments = [paidUntil('2030-01-12'), paidUntil('2030-01-10')];
  t.deepEqual(statusOf({ paid_until: '2030-01-15', payments }), ['grace', null]);
  t.deepEqual(statusOf({ paid_until: '2030-01-15', payments: [...payments, paidUntil('2030-01-15')] }), [
    'paid',
    null,
  ]);
  t.deepEqual(statusOf({ on_trial: true, is_suspended: true }), ['suspended', null]);
});

test.serial(
  'staff read the plan, the limits with their use, and the payments of their own tenant',
  async (t) => {
    const { run, service } = billing;
    await run('set-plan', { schema: 'acme', plan: 'small' });
    await run('record-payment', {
      schema: 'acme',
      until: '2031-01-31',
      reference: '<script>alert(1)</script>',
      amount: '49.00',
      currency: 'EUR',
    });
    await run('record-payment', { schema: 'globex', until: '2031-02-28', reference: 'of-globex' });
    const token = await service.logIn(ACME, 'owner', PASSWORD);
    const { status, body } = await service.request(ACME, 'GET', API, { token });
    t.is(status, 200);
    t.like(body, { status: 'paid', plan: 'small', paid_until: '2031-02-03', trial_until: null });
    t.deepEqual(
      body.payments.map(({ recorded_at: _at, ...payment }: Record<string, unknown>) => payment),
      [
        {
          reference: '<script>alert(1)</script>',
          paid_until: '2031-01-31',
          amount: '49.00',
          currency: 'EUR',
        },
      ],
    );
    const limits = new Map<string, Record<string, unknown>>(
      body.limits.map((one: { setting: string }) => [one.setting, one]),
    );
    t.deepEqual(limits.get('USERS_LIMIT'), { setting: 'USERS_LIMIT', unit: 'rows', limit: 2, used: 2 });
    t.deepEqual(limits.get('STATEMENT_TIMEOUT'), {
      setting: 'STATEMENT_TIMEOUT',
      unit: 'milliseconds',
      limit: 2000,
      used: null,
    });
    t.like(limits.get('TENANT_STORAGE_MB'), { unit: 'bytes', limit: null });
  },
);

test.serial('only staff see the subscription, also while the tenant is unpaid', async (t) => {
  const { service, world } = billing;
  const owner = await service.logIn(ACME, 'owner', PASSWORD);
  const member = await service.logIn(ACME, 'member', PASSWORD);
  const statusOf = async (host: string, token?: string) =>
    (await service.request(host, 'GET', API, token === undefined ? {} : { token })).status;
  t.is(await statusOf(ACME), 401);
  t.is(await statusOf(ACME, member), 403);
  t.is(await statusOf('globex.localhost', owner), 401);
  t.is(await statusOf('localhost', owner), 404);
  await world.asOwner(`update public.tenants set paid_until = '2020-01-01' where schema_name = 'acme'`);
  // The service is notified of the change.
  await until(
    async () => (await service.request(ACME, 'GET', '/api/paid/')).status,
    (status) => status === 402,
  );
  const unpaid = await service.request(ACME, 'GET', API, { token: owner });
  t.deepEqual([unpaid.status, unpaid.body.status], [200, 'unpaid']);
  await world.asOwner(`update public.tenants set paid_until = '2031-02-03' where schema_name = 'acme'`);
});

test.serial('the page shows the subscription to staff, after the login', async (t) => {
  const { service } = billing;
  const browser = createFormClient(service, ACME);
  const away = await browser.get('/subscription');
  t.deepEqual([away.status, away.headers.location], [303, '/login?next=%2Fsubscription']);
  const login = await browser.submit('/login?next=/subscription', { username: 'owner', password: PASSWORD });
  t.is(login.headers.location, '/subscription');
  const shown = await browser.get('/subscription');
  t.is(shown.status, 200);
  t.regex(shown.text, /Served until/);
  t.regex(shown.text, /<th scope="row">Users<\/th><td>2 of 2 <meter/);
  t.regex(shown.text, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/);
  t.false(shown.text.includes('of-globex'));
  t.regex((await browser.get('/account')).text, /<a href="\/subscription">/);
  t.is((await browser.post('/subscription', {})).status, 405);
  t.is((await browser.submit('/account', {}, '/logout')).status, 303);
  t.is((await browser.get('/subscription')).status, 303, 'after the logout');

  const member = createFormClient(service, ACME);
  await member.submit('/login', { username: 'member', password: PASSWORD });
  t.is((await member.get('/subscription')).status, 403);
  t.false((await member.get('/account')).text.includes('/subscription'));
  t.is((await createFormClient(service, 'localhost').get('/subscription')).status, 404);
  t.deepEqual(service.bugs, []);
});

testInBrowser('axe finds nothing on the page, in light and dark, narrow and wide', async (t, browser) => {
  const { service } = billing;
  const user = createFormClient(service, ACME);
  await user.submit('/login', { username: 'owner', password: PASSWORD });
  const context = await browser.newContext({ bypassCSP: true });
  await context.addCookies(
    [...user.cookies].map(([name, value]) => ({
      name,
      value,
      domain: ACME,
      path: '/',
      sameSite: 'Lax' as const,
    })),
  );
  const page = await context.newPage();
  await page.goto(`http://${ACME}:${service.port}/subscription`);
  t.is(await page.textContent('h1'), 'Subscription');
  t.deepEqual(await findFaults(page, 'subscription'), []);
});

test.serial('a session that was ended, or whose user is inactive, opens no page', async (t) => {
  const { service, world } = billing;
  const browser = createFormClient(service, ACME);
  await browser.submit('/login', { username: 'owner', password: PASSWORD });
  t.is((await browser.get('/subscription')).status, 200);
  await world.asOwner('update acme.users set is_active = false where username = $1', ['owner']);
  t.is((await browser.get('/subscription')).headers.location, '/login?next=%2Fsubscription');
  await world.asOwner('update acme.users set is_active = true where username = $1', ['owner']);
  t.is((await browser.get('/subscription')).status, 200);
  await world.asOwner('delete from acme.sessions');
  t.is((await browser.get('/subscription')).status, 303);
  browser.cookies.set('refresh', 'forged');
  t.is((await browser.get('/subscription')).status, 303);
});
