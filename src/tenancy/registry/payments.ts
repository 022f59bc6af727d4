import type pg from 'pg';

import { OperatorError } from '../../errors.ts';
import { claimTenant } from './registry.ts';
import type { Tenant } from './tenant.ts';

export type Payment = Readonly<{
  /** Number of the invoice or of the transfer. A reference is recorded once. */
  reference: string;
  /** Last paid day, YYYY-MM-DD. */
  paidUntil: string;
  /** Decimal number as text. Null: not recorded. */
  amount: string | null;
  /** ISO 4217, in capital letters. Null: not recorded. */
  currency: string | null;
}>;

const conflict = (message: string): OperatorError => new OperatorError('payment_conflict', message);

/** @throws OperatorError `precondition_failed` */
async function claimCustomer(client: pg.ClientBase, schema: string): Promise<Tenant> {
  const tenant = await claimTenant(client, schema);
  if (tenant.type === 'site' || tenant.status === 'spare') {
    throw new OperatorError('precondition_failed', `"${schema}" is not a tenant that pays.`);
  }
  return tenant;
}

/**
 * Records a payment, ends the tenant's trial, and serves it until the last paid day and `graceDays` more. Never moves
 * the day back, so the order of payments has no effect. Repeating a payment changes nothing.
 *
 * `client` is in a transaction of the migrating login.
 *
 * @throws DomainError `tenant_not_found`, or `payment_conflict` when the reference belongs to another payment
 */
export async function recordPayment(
  client: pg.ClientBase,
  schema: string,
  { reference, paidUntil, amount, currency }: Payment,
  graceDays: number,
): Promise<Readonly<{ isNew: boolean; servedUntil: string | null }>> {
  const tenant = await claimCustomer(client, schema);
  const { rowCount } = await client.query(
    `insert into tenancy.payments (reference, tenant_id, paid_until, amount, currency)
     values ($1, $2, $3::date, $4::numeric, $5)
     on conflict on constraint payments_pkey do nothing`,
    [reference, tenant.id, paidUntil, amount, currency],
  );
  if (rowCount === 0) {
    const { rows } = await client.query<{ same: boolean }>(
      `select
         p.tenant_id = $2
         and p.paid_until = $3::date
         and p.amount is not distinct from $4::numeric
         and p.currency is not distinct from $5 as same
       from tenancy.payments as p
       where p.reference = $1`,
      [reference, tenant.id, paidUntil, amount, currency],
    );
    if (rows[0]?.same !== true) {
      throw conflict(
        `The reference "${reference}" belongs to another payment: another tenant, day or amount. Nothing was changed.`,
      );
    }
    return { isNew: false, servedUntil: tenant.paidUntil };
  }
  const { rows } = await client.query<{ until: string }>(
    `update public.tenants as t
     set
       on_trial = false,
       paid_until = greatest(t.paid_until, $2::date + $3::integer)
     where t.id = $1
     returning coalesce(to_char(t.paid_until, 'YYYY-MM-DD'), t.paid_until::text) as until`,
    [tenant.id, paidUntil, graceDays],
  );
  return { isNew: true, servedUntil: rows[0]?.until ?? null };
}

/**
 * Ends trials that began more than `days` days ago: their last day is that of the trial, or a later one of `paid_until`.
 * Returns the number of trials that ended.
 */
export async function endTrials(client: pg.ClientBase, days: number): Promise<number> {
  const { rowCount } = await client.query(
    `update public.tenants as t
     set
       on_trial = false,
       paid_until = greatest(t.paid_until, (t.created_at at time zone 'UTC')::date + $1::integer)
     where t.on_trial
       and t.type <> 'site'
       and t.status not in ('spare', 'deleted')
       and greatest(t.paid_until, (t.created_at at time zone 'UTC')::date + $1::integer)
         < (now() at time zone 'UTC')::date`,
    [days],
  );
  return rowCount ?? 0;
}

/**
 * Links a tenant with its customer number at the payment provider. Repeating it changes nothing.
 *
 * @throws DomainError `tenant_not_found`, or `payment_conflict` when either is linked already
 */
export async function linkCustomer(
  client: pg.ClientBase,
  schema: string,
  customer: string,
  { replace }: Readonly<{ replace: boolean }>,
): Promise<void> {
  const { id } = await claimCustomer(client, schema);
  const { rows } = await client.query<{ tenant_id: string }>(
    `select s.tenant_id
     from tenancy.subscriptions as s
     where s.customer = $1`,
    [customer],
  );
  if (rows[0] && rows[0].tenant_id !== id) {
    throw conflict(`The customer "${customer}" belongs to another tenant. Nothing was changed.`);
  }
  const { rowCount } = await client.query(
    `insert into tenancy.subscriptions as s (tenant_id, customer)
     values ($1, $2)
     on conflict on constraint subscriptions_pkey do update
       set customer = excluded.customer
       where s.customer is null or s.customer = excluded.customer or $3`,
    [id, customer, replace],
  );
  if (rowCount === 0) {
    throw conflict(`"${schema}" is linked with another customer. Nothing was changed.`);
  }
}

/** Returns the schema of the tenant with a customer number. Null: no tenant has it. */
export async function findByCustomer(client: pg.ClientBase, customer: string): Promise<string | null> {
  const { rows } = await client.query<{ schema: string }>(
    `select t.schema_name as schema
     from tenancy.subscriptions as s
     join public.tenants as t on t.id = s.tenant_id
     where s.customer = $1`,
    [customer],
  );
  return rows[0]?.schema ?? null;
}
