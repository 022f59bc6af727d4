import type pg from 'pg';
import { z } from 'zod';

import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import type { JobDependencies } from '../../../definition/dependencies.ts';
import { ApiError, DomainError } from '../../../errors.ts';
import { isUuid } from '../../../http/identifier.ts';
import { withTenantAsOwner } from '../../../tenancy/context/with-owner-tenant.ts';
import { changePlan } from '../../../tenancy/registry/change-plan.ts';
import { chooseDatabase, MAIN } from '../../../tenancy/registry/databases.ts';
import { findByCustomer, linkCustomer, recordPayment } from '../../../tenancy/registry/payments.ts';
import { SITE_SCHEMA } from '../../../tenancy/registry/tenant.ts';
import { planOfPrice } from '../plans.ts';
import { finishEvent, takeEvent, type WaitingEvent } from '../queries.ts';
import type { environment } from '../settings.ts';
import { type Change, readChange } from './read-change.ts';
import { verifyEvent } from './verify.ts';

type Dependencies = Pick<JobDependencies<typeof environment>, 'project' | 'environment' | 'databases'>;

async function schemaOfTenant(client: pg.ClientBase, id: string): Promise<string | null> {
  if (!isUuid(id)) {
    return null;
  }
  const { rows } = await client.query<{ schema: string }>(
    'select t.schema_name as schema from public.tenants as t where t.id = $1',
    [id],
  );
  return rows[0]?.schema ?? null;
}

/** Applies a change. Returns null, or the reason why it cannot be applied yet. */
async function applyChange(
  client: pg.ClientBase,
  { project, environment: { BILLING_GRACE_DAYS, BILLING_PLANS } }: Dependencies,
  change: Change,
): Promise<string | null> {
  const { customer } = change;
  if (change.kind === 'link') {
    const schema = await schemaOfTenant(client, change.tenant);
    if (schema === null) {
      return `no tenant has the id of the metadata of the checkout of ${customer}`;
    }
    await linkCustomer(client, schema, customer, { replace: false });
    return null;
  }
  const schema = await findByCustomer(client, customer);
  if (schema === null) {
    return `no tenant is linked with the customer ${customer}`;
  }
  if (change.kind === 'payment') {
    await recordPayment(client, schema, change.payment, BILLING_GRACE_DAYS);
    return null;
  }
  const plan = planOfPrice(BILLING_PLANS, change.prices);
  if (!plan) {
    return `BILLING_PLANS has no plan with the prices of the customer ${customer}`;
  }
  await changePlan(client, project, schema, plan, change.changedAt);
  return null;
}

/**
 * Returns the change of a stored event. Its signature is verified again: a statement that was injected into a request of
 * the public site can write the table, but cannot sign an event.
 *
 * @throws ApiError `signature_invalid`, or ZodError
 */
const changeOf = (secret: string, { payload, signature }: WaitingEvent): Change | null =>
  readChange(verifyEvent(secret, payload, signature, { isStored: true }));

/** Applies the events that are due, the oldest first. Returns how many were applied, and the errors of others. */
export async function applyEvents(
  dependencies: Dependencies,
  secret: string,
  signal: AbortSignal,
): Promise<Readonly<{ applied: number; faults: readonly string[] }>> {
  const { owner } = chooseDatabase(dependencies.databases, MAIN);
  const faults: string[] = [];
  let applied = 0;
  const finish = (id: string, state: 'done' | 'rejected' | 'expired') =>
    withTenantAsOwner(owner, SITE_SCHEMA, (client) => finishEvent(client, id, state));

  while (!signal.aborted) {
    const event = await withTenantAsOwner(owner, SITE_SCHEMA, takeEvent);
    if (!event) {
      break;
    }
    const { id, isOld } = event;
    let change: Change | null;
    try {
      change = changeOf(secret, event);
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof z.ZodError)) {
        throw error;
      }
      faults.push(`event ${id} was rejected: its signature or its content is not valid`);
      await finish(id, 'rejected');
      continue;
    }
    try {
      const reason =
        change && (await withAdminConnection(owner, (client) => applyChange(client, dependencies, change)));
      if (reason === null) {
        await finish(id, 'done');
        applied += 1;
        continue;
      }
      faults.push(`event ${id}: ${reason}`);
    } catch (error) {
      if (!(error instanceof DomainError)) {
        throw error;
      }
      faults.push(`event ${id}: ${error.message}`);
    }
    if (isOld) {
      await finish(id, 'expired');
    }
  }
  return { applied, faults };
}
