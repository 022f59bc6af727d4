import { z } from 'zod';

const day = z.iso.date();

const payment = z.object({
  reference: z.string(),
  paid_until: day.describe('Last paid day.'),
  amount: z.string().nullable(),
  currency: z.string().nullable(),
  recorded_at: z.iso.datetime({ offset: true }),
});

const limit = z.object({
  setting: z.string(),
  unit: z.enum(['rows', 'bytes', 'requests_per_minute', 'transactions', 'milliseconds']),
  limit: z.number().nullable().describe('Null: no limit.'),
  used: z.number().nullable().describe('Null: not counted.'),
});

/** The subscription of a tenant. */
export const subscription = z
  .object({
    status: z
      .enum(['trial', 'paid', 'grace', 'unpaid', 'unlimited', 'suspended'])
      .describe(
        '`grace`: the last paid day is over. `unlimited`: the tenant is served without a payment. `suspended`: by the operator.',
      ),
    plan: z.string().nullable().describe('Null: none.'),
    paid_until: day.nullable().describe('Last day on which the tenant is served, with the days of grace.'),
    trial_until: day.nullable().describe('Last day of the trial. Null: no trial, or one that does not end.'),
    limits: z.array(limit),
    payments: z.array(payment).describe('The newest 24.'),
  })
  .meta({ id: 'Subscription' });

export type Subscription = z.output<typeof subscription>;
export type SubscriptionLimit = Subscription['limits'][number];

/** The registry's facts about a tenant. Days are YYYY-MM-DD in UTC, which sort as text. */
export type Facts = Readonly<{
  plan: string | null;
  paid_until: string | null;
  on_trial: boolean;
  is_suspended: boolean;
  created_on: string;
  today: string;
  payments: Subscription['payments'];
}>;

const addDays = (from: string, days: number): string =>
  new Date(Date.parse(from) + days * 86_400_000).toISOString().slice(0, 10);

const later = (one: string, other: string | null): string => (other !== null && other > one ? other : one);

function statusOf(facts: Facts): Subscription['status'] {
  const { on_trial: onTrial, paid_until: until, today, payments } = facts;
  if (facts.is_suspended) {
    return 'suspended';
  }
  if (onTrial) {
    return 'trial';
  }
  if (until === null) {
    return 'unlimited';
  }
  if (until < today) {
    return 'unpaid';
  }
  const [first, ...rest] = payments.map(({ paid_until: paid }) => paid);
  const lastPaid = first === undefined ? null : rest.reduce(later, first);
  return lastPaid !== null && lastPaid < today ? 'grace' : 'paid';
}

/** Returns the subscription of a tenant. `trialDays` is BILLING_TRIAL_DAYS: trials of 0 days do not end. */
export const subscriptionOf = (
  facts: Facts,
  limits: readonly SubscriptionLimit[],
  trialDays: number,
): Subscription => ({
  status: statusOf(facts),
  plan: facts.plan,
  paid_until: facts.paid_until,
  trial_until:
    facts.on_trial && trialDays > 0 ? later(addDays(facts.created_on, trialDays), facts.paid_until) : null,
  limits: [...limits],
  payments: [...facts.payments],
});
