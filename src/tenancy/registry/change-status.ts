import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { OperatorError } from '../../errors.ts';
import { claimTenant, findTenant } from './registry.ts';
import type { Tenant } from './tenant.ts';

export type Change = Readonly<{
  tenant: Tenant;
  /** Whether the status changed. Repeating a transition does nothing. */
  changed: boolean;
}>;

type Transition = Readonly<{
  from: readonly string[];
  /** Statuses in which the transition has already happened. */
  done: readonly string[];
  set: string;
  /** Whether the transition is also allowed for the public site. */
  ofSite?: true;
}>;

const KEEP_BEFORE = `status_before = case when status in ('active', 'suspended') then status else status_before end`;

const TRANSITIONS = {
  suspend: { from: ['active'], done: ['suspended'], set: `status = 'suspended'` },
  resume: { from: ['suspended'], done: ['active'], set: `status = 'active'` },
  'begin maintenance of': {
    // Repeating it changes the seconds.
    from: ['active', 'suspended', 'maintenance'],
    done: [],
    set: `status = 'maintenance', retry_after = $2, ${KEEP_BEFORE}`,
    ofSite: true,
  },
  'end maintenance of': {
    from: ['maintenance'],
    done: ['active', 'suspended'],
    set: `status = coalesce(status_before, 'active'), status_before = null, retry_after = null`,
    ofSite: true,
  },
  delete: {
    from: ['active', 'suspended', 'maintenance'],
    done: ['deleted'],
    set: `status = 'deleted', retry_after = null, ${KEEP_BEFORE},
      deleted_at = now(), purge_after = now() + make_interval(days => $2)`,
  },
  undelete: {
    from: ['deleted'],
    done: ['active', 'suspended', 'maintenance'],
    set: `status = coalesce(status_before, 'active'), status_before = null, deleted_at = null, purge_after = null`,
  },
} as const satisfies Record<string, Transition>;

function assertAllowed(transition: keyof typeof TRANSITIONS, tenant: Tenant): void {
  const { from, ofSite }: Transition = TRANSITIONS[transition];
  const { schema } = tenant;
  const refuse = (why: string): never => {
    throw new OperatorError('tenant_status_wrong', `Cannot ${transition} "${schema}": ${why}.`);
  };
  if (tenant.type === 'site' && !ofSite) {
    refuse('it is the public site');
  }
  if (transition === 'undelete' && tenant.status === 'deleted' && schema.startsWith('unfinished_')) {
    refuse('its creation was interrupted; `purge-tenants` drops it');
  }
  if (tenant.purgeStartedAt) {
    refuse('it is being purged, and some of its tables were dropped');
  }
  if (!from.includes(tenant.status)) {
    const hints: Readonly<Record<string, string>> = {
      deleted: '; `undelete-tenant` restores it',
      maintenance: `; \`maintenance --schema ${schema} off\` ends that`,
      moving: '; wait until the move has ended',
    };
    refuse(`it is in status ${tenant.status}${hints[tenant.status] ?? ''}`);
  }
}

type BeforeChange = (client: pg.ClientBase, tenant: Tenant) => Promise<void>;

async function change(
  owner: pg.ClientConfig,
  transition: keyof typeof TRANSITIONS,
  schema: string,
  values: readonly number[] = [],
  before?: BeforeChange,
): Promise<Change> {
  return withAdminConnection(owner, async (client) => {
    const tenant = await claimTenant(client, schema);
    const { done, set }: Transition = TRANSITIONS[transition];
    if (done.includes(tenant.status)) {
      return { tenant, changed: false };
    }
    assertAllowed(transition, tenant);
    await before?.(client, tenant);
    await client.query(`update public.tenants set ${set} where id = $1`, [tenant.id, ...values]);
    return { tenant: await findTenant(client, schema), changed: true };
  });
}

/**
 * Suspends a tenant. Running processes apply the change immediately, and `tenancy.enter` reads the
 * status in every transaction. Requests in progress may still end: see `drainTenant`.
 *
 * @throws DomainError `tenant_not_found`, `tenant_status_wrong`
 */
export const suspendTenant = (owner: pg.ClientConfig, schema: string): Promise<Change> =>
  change(owner, 'suspend', schema);

/**
 * Returns a suspended tenant to service.
 *
 * @throws DomainError `tenant_not_found`, `tenant_status_wrong`
 */
export const resumeTenant = (owner: pg.ClientConfig, schema: string): Promise<Change> =>
  change(owner, 'resume', schema);

/**
 * Puts a tenant into maintenance. `retryAfter`: seconds after which clients should retry.
 *
 * @throws DomainError `tenant_not_found`, `tenant_status_wrong`
 */
export const beginMaintenance = (
  owner: pg.ClientConfig,
  schema: string,
  retryAfter: number,
): Promise<Change> => change(owner, 'begin maintenance of', schema, [retryAfter]);

/**
 * Returns a tenant to its status before the maintenance, suspended or active.
 *
 * @throws DomainError `tenant_not_found`, `tenant_status_wrong`
 */
export const endMaintenance = (owner: pg.ClientConfig, schema: string): Promise<Change> =>
  change(owner, 'end maintenance of', schema);

/**
 * Deletes a tenant. Its hosts immediately get status 404. Rows, schema, role and domains are kept for
 * `keepDays`. `before` is called in the same transaction, unless the tenant is deleted already.
 *
 * @throws DomainError `tenant_not_found`, `tenant_status_wrong`
 */
export const deleteTenant = (
  owner: pg.ClientConfig,
  schema: string,
  keepDays: number,
  before?: BeforeChange,
): Promise<Change> => change(owner, 'delete', schema, [keepDays], before);

/**
 * Returns a deleted tenant to its previous status, suspended or active. Not possible after a purge has
 * begun.
 *
 * @throws DomainError `tenant_not_found`, `tenant_status_wrong`
 */
export const undeleteTenant = (owner: pg.ClientConfig, schema: string): Promise<Change> =>
  change(owner, 'undelete', schema);
