import test from 'ava';
import Stripe from 'stripe';

import { type Answer, until } from '../../helpers/server.ts';
import { type BillingWorld, openBillingWorld, SECRET } from './billing-world.ts';
import { checkoutOf, eventOf, invoiceOf, subscriptionOf } from './stripe-objects.ts';

let billing: BillingWorld;
test.before(async () => {
  billing = await openBillingWorld();
});
test.after.always(() => billing?.close());

const PATH = '/api/billing/stripe';

const seconds = (day: string): number => Date.parse(`${day}T10:00:00Z`) / 1_000;

const invoice = (id: string, customer: string, until: string) => invoiceOf(id, customer, seconds(until));

const subscription = (customer: string, price: string, status: Stripe.Subscription.Status = 'active') =>
  subscriptionOf(customer, price, status);

const signed = (
  payload: string,
  { secret = SECRET, timestamp = Math.floor(Date.now() / 1_000) } = {},
): string => Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });

function send(payload: string, signature = signed(payload), host = 'localhost'): Promise<Answer> {
  return billing.service.request(host, 'POST', PATH, {
    raw: payload,
    headers: {
      'Stripe-Signature': signature,
      'Content-Type': 'application/json; charset=utf-8',
      Accept: '*/*; q=0.5, application/xml',
    },
  });
}

const deliver = (...event: Parameters<typeof eventOf>): Promise<Answer> =>
  send(JSON.stringify(eventOf(...event), null, 2));

/** Makes waiting events due, and applies them. */
async function work() {
  await billing.world.asOwner(`update site.stripe_events set due_at = now() where state = 'waiting'`);
  return (await billing.work()).find(({ job }) => job === 'payments');
}

const stored = (id: string) =>
  billing.world.asOwner<{ state: string; payload: string | null; signature: string | null }>(
    'select state, payload, signature from site.stripe_events where id = $1',
    [id],
  );

test.serial('a paid invoice moves the paid day of the linked tenant, once', async (t) => {
  const { run, tenant, world } = billing;
  await run('link-customer', { schema: 'acme', customer: 'cus_acme' });
  const event = ['evt_1', 'invoice.paid', invoice('in_1', 'cus_acme', '2031-03-31')] as const;
  const answer = await deliver(...event);
  t.deepEqual([answer.status, answer.body], [200, { received: true }]);
  t.is((await tenant('acme')).paid_until, null, 'the service itself changes nothing');
  t.like(await work(), { did: '1 events applied', error: null });
  t.like(await tenant('acme'), { on_trial: false, paid_until: '2031-04-03' });
  t.deepEqual(await stored('evt_1'), [{ state: 'done', payload: null, signature: null }]);

  t.is((await deliver(...event)).status, 200, 'repeated');
  t.is((await deliver('evt_1b', 'invoice.paid', invoice('in_1', 'cus_acme', '2031-03-31'))).status, 200);
  t.like(await work(), { did: '1 events applied' });
  const payments = await world.asOwner('select reference, amount::text, currency from tenancy.payments');
  t.deepEqual(payments, [{ reference: 'stripe:in_1', amount: '49.00', currency: 'EUR' }]);
  t.is((await tenant('globex')).paid_until, null);

  // An older invoice that arrives later.
  await deliver('evt_0', 'invoice.paid', invoice('in_0', 'cus_acme', '2030-03-31'));
  await work();
  t.is((await tenant('acme')).paid_until, '2031-04-03');
});

test.serial('a forged, changed, old or unsigned event is rejected', async (t) => {
  const { world, tenant } = billing;
  const before = await tenant('acme');
  const payload = JSON.stringify(
    eventOf('evt_forged', 'invoice.paid', invoice('in_f', 'cus_acme', '2098-01-01')),
  );
  const old = Math.floor(Date.now() / 1_000) - 600;
  for (const [title, body, signature] of [
    ['another secret', payload, signed(payload, { secret: 'whsec_of_somebody_else' })],
    ['another body', payload, signed(payload.replace('in_f', 'in_g'))],
    ['one space more', `${payload} `, signed(payload)],
    ['an old signature', payload, signed(payload, { timestamp: old })],
    ['no signature', payload, ''],
    ['a broken one', payload, 't=1,v1=00'],
    ['an unknown scheme', payload, signed(payload).replace('v1=', 'v0=')],
    ['no event', '[]', signed('[]')],
    ['no JSON', '{', signed('{')],
  ] as const) {
    const answer = await send(body, signature);
    t.is(answer.status, 400, title);
    t.false(answer.text.includes(SECRET));
  }
  t.is((await send('x'.repeat(65_537))).status, 413);
  t.is((await billing.service.request('localhost', 'GET', PATH)).status, 405);
  for (const host of ['acme.localhost', 'unknown.localhost']) {
    t.is((await send(payload, signed(payload), host)).status, 404, host);
  }
  t.deepEqual(await stored('evt_forged'), []);
  t.deepEqual(await tenant('acme'), before);
  t.deepEqual(await world.asOwner(`select from tenancy.payments where reference = 'stripe:in_f'`), []);
  t.deepEqual(billing.service.bugs, []);
});

test.serial('an event that SQL has written to the table is rejected by the worker', async (t) => {
  const { world, tenant } = billing;
  const before = await tenant('acme');
  const payload = JSON.stringify(
    eventOf('evt_sql', 'invoice.paid', invoice('in_s', 'cus_acme', '2098-01-01')),
  );
  await world.asOwner('insert into site.stripe_events (id, payload, signature) values ($1, $2, $3)', [
    'evt_sql',
    payload,
    signed(payload, { secret: 'whsec_of_somebody_else' }),
  ]);
  t.regex((await work())?.error ?? '', /evt_sql was rejected/);
  t.deepEqual(await stored('evt_sql'), [{ state: 'rejected', payload: null, signature: null }]);
  t.deepEqual(await tenant('acme'), before);
});

test.serial('a payment of an unknown customer waits until the customer is linked', async (t) => {
  const { run, tenant } = billing;
  await deliver('evt_2', 'invoice.paid', invoice('in_2', 'cus_globex', '2031-03-31'));
  t.regex((await work())?.error ?? '', /no tenant is linked with the customer cus_globex/);
  t.like((await stored('evt_2'))[0], { state: 'waiting' });
  await t.throwsAsync(run('link-customer', { schema: 'globex', customer: 'cus_acme' }), {
    code: 'payment_conflict',
  });
  await t.throwsAsync(run('link-customer', { schema: 'acme', customer: 'cus_globex' }), {
    code: 'payment_conflict',
  });
  await run('link-customer', { schema: 'globex', customer: 'cus_globex' });
  t.like(await work(), { did: '1 events applied', error: null });
  t.is((await tenant('globex')).paid_until, '2031-04-03');
});

test.serial('a checkout links its customer by the id in its metadata only', async (t) => {
  const { world, run } = billing;
  const newco = await world.provision('newco');
  // Clients can choose client_reference_id in the URL of a payment link.
  await deliver(
    'evt_3',
    'checkout.session.completed',
    checkoutOf('cus_x', { client_reference_id: newco.id }),
  );
  await work();
  t.deepEqual(await world.asOwner(`select from tenancy.subscriptions where customer = 'cus_x'`), []);
  const metadata = { tenant: newco.id };
  await deliver('evt_4', 'checkout.session.completed', checkoutOf('cus_newco', { metadata }));
  t.like(await work(), { error: null });
  await t.throwsAsync(run('link-customer', { schema: 'acme', customer: 'cus_newco', replace: true }), {
    code: 'payment_conflict',
  });
  await deliver('evt_5', 'checkout.session.completed', checkoutOf('cus_other', { metadata }));
  t.regex((await work())?.error ?? '', /"newco" is linked with another customer/);
  await world.asOwner(
    `update site.stripe_events set received_at = now() - interval '31 days' where id = 'evt_5'`,
  );
  await work();
  t.like((await stored('evt_5'))[0], { state: 'expired', payload: null });
});

test.serial('a subscription chooses the plan, and an older event that arrives later does not', async (t) => {
  const { tenant } = billing;
  const change = (id: string, price: string, created: number, status?: Stripe.Subscription.Status) =>
    deliver(id, 'customer.subscription.updated', subscription('cus_acme', price, status), created);
  await change('evt_6', 'price_large', 1_900_000_000);
  await change('evt_7', 'price_small', 1_800_000_000);
  await change('evt_8', 'price_small', 1_950_000_000, 'incomplete');
  t.like(await work(), { did: '3 events applied', error: null });
  t.like((await tenant('acme')).settings, { USERS_LIMIT: '50', TENANT_REQUESTS_PER_MINUTE: '900' });
  await change('evt_9', 'price_unknown', 1_950_000_000);
  t.regex((await work())?.error ?? '', /no plan with the prices/);
  t.like((await tenant('acme')).settings, { USERS_LIMIT: '50' });
  await deliver('evt_10', 'customer.subscription.deleted', subscription('cus_acme', 'price_large'));
  t.deepEqual(await stored('evt_10'), [], 'the paid day ends the subscription');
});

test.serial('concurrent deliveries and workers apply an event once', async (t) => {
  const { world } = billing;
  const event = ['evt_11', 'invoice.paid', invoice('in_11', 'cus_acme', '2032-03-31')] as const;
  const answers = await Promise.all(Array.from({ length: 5 }, () => deliver(...event)));
  t.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  await Promise.all([billing.work(), billing.work(), billing.work()]);
  await until(
    () => stored('evt_11'),
    ([row]) => row?.state === 'done',
  );
  const rows = await world.asOwner(`select from tenancy.payments where reference = 'stripe:in_11'`);
  t.is(rows.length, 1);
});
