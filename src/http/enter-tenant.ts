import type { EntryStatement } from '../db/driver/entry.ts';
import { isReadOnlyViolation } from '../db/violations.ts';
import { ApiError } from '../errors.ts';
import {
  flushEntry,
  type TenantDatabase,
  type TenantTransaction,
  type TransactionLimits,
  withTenant,
} from '../tenancy/context/with-tenant.ts';
import type { ResolvedTenant } from '../tenancy/registry/tenant.ts';
import type { DatabaseUse } from './database-use.ts';
import { assertServed } from './open-statuses.ts';
import type { Caller } from './state.ts';

/** The tenant of a transaction and the conditions for entering it. */
export type EntryRequest = Readonly<{
  tenant: Pick<ResolvedTenant, 'id' | 'retryAfter'>;
  guards: readonly EntryStatement[];
  caller?: Caller | undefined;
  limits?: TransactionLimits | undefined;
  use?: Pick<DatabaseUse, 'watch'> | undefined;
}>;

/**
 * Runs `work` in the transaction of one request: with its tenant, its guards, and a check of the
 * tenant's current status.
 *
 * With a key in place of a token the user is unknown until the guard has returned, so `work`
 * begins after it.
 */
export function enterTenant<T>(
  tenantDatabase: TenantDatabase,
  request: EntryRequest,
  { readOnly, whileUnpaid }: { readOnly: boolean; whileUnpaid: boolean },
  work: (tx: TenantTransaction) => Promise<T>,
): Promise<T> {
  return withTenant(
    tenantDatabase,
    {
      tenant: request.tenant.id,
      readOnly,
      guards: request.guards,
      limits: request.limits,
      watch: request.use?.watch,
      admit: (status) => assertServed({ ...request.tenant, status }, { whileUnpaid }),
    },
    async (tx) => {
      if (request.guards.length > 0 && !request.caller) {
        await flushEntry(tx);
      }
      return work(tx);
    },
  ).catch((error: unknown) => {
    throw readOnly && isReadOnlyViolation(error)
      ? new ApiError('statement_refused', 'A GET or HEAD request ran a statement that writes.', {
          cause: error,
        })
      : error;
  });
}
