import { inMaintenance } from '../db/violations.ts';
import { ApiError, Unavailable } from '../errors.ts';
import type { RequiredMigrations } from '../tenancy/registry/project.ts';
import type { ResolvedTenant } from '../tenancy/registry/tenant.ts';

/**
 * Rejects requests that the tenant's status does not allow.
 *
 * `whileUnpaid`: whether a tenant with an overdue payment is served, as for login, a user's own
 * account and the subscription.
 *
 * @throws Unavailable, or ApiError `payment_required`
 */
export function assertServed(
  { status, retryAfter }: Pick<ResolvedTenant, 'status' | 'retryAfter'>,
  { whileUnpaid }: { whileUnpaid: boolean },
): void {
  if (status === 'maintenance' || status === 'moving') {
    throw inMaintenance(retryAfter);
  }
  if (status !== 'active' && !whileUnpaid) {
    throw new ApiError(
      'payment_required',
      status === 'suspended'
        ? 'This tenant is suspended. Its owner must contact support.'
        : 'The trial is over and the subscription is not paid.',
    );
  }
}

/**
 * Rejects a tenant whose schema is older than the code. A newer schema is served: during a release
 * the old code runs on the new schema.
 *
 * @throws Unavailable `tenant_migrating`
 */
export function assertMigrated(
  tenant: Pick<ResolvedTenant, 'migratedTo' | 'transactionalApplied'>,
  { last, count }: RequiredMigrations['tenant'],
): void {
  // The count: a migration may be earlier than an applied one of another app.
  if (tenant.migratedTo === null || tenant.migratedTo < last || tenant.transactionalApplied < count) {
    throw new Unavailable('tenant_migrating', 'This tenant is being migrated. Try again shortly.', 10);
  }
}
