import { inMaintenance } from '../db/violations.ts';
import { DomainError, Unavailable } from '../errors.ts';
import type { Tenant } from '../tenancy/registry/tenant.ts';

/**
 * Refuses what a tenant in this status is not served.
 *
 * `whileUnpaid`: log in, a user's own account and the subscription stay open to
 * who has to pay.
 *
 * @throws Unavailable, or DomainError `payment_required`
 */
export function assertServed(
  { status, retryAfter }: Pick<Tenant, 'status' | 'retryAfter'>,
  { whileUnpaid }: { whileUnpaid: boolean },
): void {
  if (status === 'maintenance' || status === 'moving') {
    throw inMaintenance(retryAfter);
  }
  if (status !== 'active' && !whileUnpaid) {
    throw new DomainError(
      'payment_required',
      status === 'suspended'
        ? 'This tenant is suspended. Ask its owner to get in touch.'
        : 'The trial is over and the subscription is not paid.',
    );
  }
}

/**
 * Refuses a tenant whose tables are older than the code. One that is ahead is
 * served: the code before a release meets the schema after it.
 *
 * @throws Unavailable `tenant_migrating`
 */
export function assertMigrated(tenant: Pick<Tenant, 'migratedTo'>, expected: string): void {
  if (tenant.migratedTo === null || tenant.migratedTo < expected) {
    throw new Unavailable('tenant_migrating', 'This tenant is being migrated. Try again in a moment.', 10);
  }
}
