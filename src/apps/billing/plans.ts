import { z } from 'zod';

import { OperatorError } from '../../errors.ts';
import type { Plan } from '../../tenancy/registry/change-plan.ts';

/** Settings of a tenant are numbers, booleans or text. The registry validates them. */
const settings = z.record(
  z.string(),
  z.union([z.string(), z.number(), z.boolean()]).transform((value) => String(value)),
);

const plan = z
  .object({
    /** Ids of Stripe's prices of the plan. */
    prices: z.array(z.string().min(1).max(255)).default([]),
    settings: settings.default({}),
  })
  .strict();

const plans = z.record(z.string().regex(/^[a-z][a-z0-9_-]{0,47}$/), plan);

/** Plan name to its settings and prices. */
export type Plans = Readonly<z.infer<typeof plans>>;

const EXAMPLE = '{"team": {"settings": {"USERS_LIMIT": 10}, "prices": ["price_…"]}}';

/** The schema of `BILLING_PLANS`: a JSON object. Messages continue after the setting's name. */
export const planList = z
  .string()
  .default('{}')
  .transform((text, context): Plans => {
    try {
      const parsed = plans.parse(JSON.parse(text));
      const prices = Object.values(parsed).flatMap((one) => one.prices);
      if (new Set(prices).size < prices.length) {
        throw new TypeError('two plans have the same price');
      }
      return parsed;
    } catch {
      context.addIssue({
        code: 'custom',
        message: `must be a JSON object of plans with different prices, such as ${EXAMPLE}`,
      });
      return z.NEVER;
    }
  });

/** @throws OperatorError `usage_invalid` */
export function planOf(list: Plans, name: string): Plan {
  const found = Object.hasOwn(list, name) ? list[name] : undefined;
  if (!found) {
    throw new OperatorError(
      'usage_invalid',
      `BILLING_PLANS has no plan "${name}". It has ${Object.keys(list).join(', ') || 'none'}.`,
    );
  }
  return { name, settings: found.settings };
}

/** Returns the plan of a price of Stripe's. Null: no plan has the price. */
export function planOfPrice(list: Plans, prices: readonly string[]): Plan | null {
  const found = Object.entries(list).find(([, one]) => one.prices.some((price) => prices.includes(price)));
  return found ? { name: found[0], settings: found[1].settings } : null;
}
