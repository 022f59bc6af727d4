import { z } from 'zod';

import type { Payment } from '../../../tenancy/registry/payments.ts';
import type { StripeEvent } from './verify.ts';

/** A change of a subscription that an event of Stripe's reports. */
export type Change = Readonly<{ customer: string }> &
  (
    | Readonly<{ kind: 'payment'; payment: Payment }>
    | Readonly<{ kind: 'plan'; prices: readonly string[]; changedAt: Date }>
    /** `tenant` is its id. Only the server that created the checkout can set it. */
    | Readonly<{ kind: 'link'; tenant: string }>
  );

const customer = z.union([
  z.string().min(1).max(255),
  z.object({ id: z.string().min(1).max(255) }).transform(({ id }) => id),
]);
const seconds = z.number().int().min(946_684_800).max(4_102_444_800);

const invoice = z.object({
  id: z.string().min(1).max(200),
  customer,
  amount_paid: z.number().int().min(0),
  currency: z.string().regex(/^[a-z]{3}$/),
  lines: z.object({ data: z.array(z.object({ period: z.object({ end: seconds }) })).min(1) }),
});
const subscription = z.object({
  customer,
  status: z.string(),
  items: z.object({ data: z.array(z.object({ price: z.object({ id: z.string() }) })) }),
});
const checkout = z.object({
  customer: customer.nullable(),
  metadata: z.record(z.string(), z.string()).nullish(),
});

/** Currencies whose amounts Stripe reports without decimals, and with three. */
const NO_DECIMALS = new Set('bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf'.split(' '));
const THREE_DECIMALS = new Set('bhd jod kwd omr tnd'.split(' '));

function amountOf(minor: number, currency: string): string {
  const decimals = NO_DECIMALS.has(currency) ? 0 : THREE_DECIMALS.has(currency) ? 3 : 2;
  return (minor / 10 ** decimals).toFixed(decimals);
}

const dayOf = (time: number): string => new Date(time * 1_000).toISOString().slice(0, 10);

/** Types of events that change a subscription. */
export const RELEVANT: ReadonlySet<string> = new Set([
  'invoice.paid',
  'customer.subscription.created',
  'customer.subscription.updated',
  'checkout.session.completed',
]);

/**
 * Returns the change that an event reports. Null: none.
 *
 * @throws ZodError for an event without the required fields
 */
export function readChange({ type, created, object }: StripeEvent): Change | null {
  if (type === 'invoice.paid') {
    const { id, customer, amount_paid: paid, currency, lines } = invoice.parse(object);
    const end = Math.max(...lines.data.map(({ period }) => period.end));
    const payment: Payment = {
      reference: `stripe:${id}`,
      paidUntil: dayOf(end),
      amount: amountOf(paid, currency),
      currency: currency.toUpperCase(),
    };
    return { kind: 'payment', customer, payment };
  }
  if (type.startsWith('customer.subscription.')) {
    const { customer, status, items } = subscription.parse(object);
    const prices = items.data.map(({ price }) => price.id);
    return status === 'active' || status === 'trialing'
      ? { kind: 'plan', customer, prices, changedAt: new Date(created * 1_000) }
      : null;
  }
  if (type === 'checkout.session.completed') {
    const { customer, metadata } = checkout.parse(object);
    const tenant = metadata?.tenant;
    return customer === null || tenant === undefined ? null : { kind: 'link', customer, tenant };
  }
  return null;
}
