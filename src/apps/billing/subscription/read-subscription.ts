import { sql } from 'slonik';
import { z } from 'zod';

import type { Context } from '../../../http/state.ts';
import type { TenantTransaction } from '../../../tenancy/context/with-tenant.ts';
import type { BillingDependencies } from '../dependencies.ts';
import { type Subscription, type SubscriptionLimit, subscription, subscriptionOf } from './subscription.ts';

const facts = z.object({
  plan: z.string().nullable(),
  paid_until: z.string().nullable(),
  on_trial: z.boolean(),
  is_suspended: z.boolean(),
  created_on: z.string(),
  today: z.string(),
  storage_bytes: z.coerce.number(),
  payments: subscription.shape.payments,
});

const readFacts = (tx: TenantTransaction): Promise<z.output<typeof facts>> =>
  tx.one(sql.type(facts)`
    select
      s.plan,
      nullif(t.paid_until, 'infinity')::text as paid_until,
      t.on_trial,
      t.status = 'suspended' as is_suspended,
      (t.created_at at time zone 'UTC')::date::text as created_on,
      (now() at time zone 'UTC')::date::text as today,
      s.storage_bytes,
      s.payments
    from tenancy.my_tenant() as t
    cross join tenancy.my_subscription() as s
  `);

const counted = z.object({ rows: z.coerce.number() });

/** Returns a limit, or null for 0, which means no limit. */
const limitOf = (value: unknown): number | null => (typeof value === 'number' && value > 0 ? value : null);

/**
 * Reads the subscription of the current tenant, with what it uses of its limits. The names of the tables are those that
 * the apps of the project declare.
 */
export async function readSubscription(
  { settingsOf, limits, environment }: BillingDependencies,
  { state: { tx, tenant } }: Pick<Context, 'state'>,
): Promise<Subscription> {
  const found = await readFacts(tx);
  const settings = (await settingsOf(tenant)) as Readonly<Record<string, unknown>>;
  const rows: SubscriptionLimit[] = [];
  for (const [setting, table] of Object.entries(limits)) {
    const { rows: used } = await tx.one(sql.type(counted)`
      select count(*) as rows
      from ${sql.identifier([table])}
    `);
    rows.push({ setting, unit: 'rows', limit: limitOf(settings[setting]), used });
  }
  const storage = limitOf(settings.TENANT_STORAGE_MB);
  const engine = (setting: string, unit: SubscriptionLimit['unit']): SubscriptionLimit => ({
    setting,
    unit,
    limit: limitOf(settings[setting]),
    used: null,
  });
  return subscriptionOf(
    found,
    [
      ...rows,
      {
        setting: 'TENANT_STORAGE_MB',
        unit: 'bytes',
        limit: storage === null ? null : storage * 1_048_576,
        used: found.storage_bytes,
      },
      engine('TENANT_REQUESTS_PER_MINUTE', 'requests_per_minute'),
      engine('TENANT_CONCURRENCY', 'transactions'),
      engine('STATEMENT_TIMEOUT', 'milliseconds'),
    ],
    environment.BILLING_TRIAL_DAYS,
  );
}
