import { z } from 'zod';

import { whole } from '../../tenancy/registry/setting-fields.ts';
import { planList } from './plans.ts';

/** Settings of subscriptions. docs/billing.md explains each. */
export const environment = {
  BILLING_PLANS: planList,
  BILLING_TRIAL_DAYS: whole(0, 3_650, 0),
  BILLING_GRACE_DAYS: whole(0, 365, 0),
  BILLING_STRIPE_WEBHOOK_SECRET: z
    .string()
    .regex(/^whsec_\S{10,}$/, 'must be the signing secret of an endpoint, which begins with whsec_')
    .optional(),
};

export type BillingEnvironment = Readonly<z.infer<z.ZodObject<typeof environment>>>;
