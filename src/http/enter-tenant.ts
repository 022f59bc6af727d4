import { type QuerySqlToken, sql } from 'slonik';
import { z } from 'zod';

import type { EntryStatement } from '../db/driver/entry.ts';
import { rejectionOf } from '../db/driver/entry-outcome.ts';
import { inMaintenance, isReadOnlyViolation } from '../db/violations.ts';
import { ApiError } from '../errors.ts';
import { querySingle, type RowsOf } from '../tenancy/context/query-single.ts';
import {
  type Entering,
  flushEntry,
  type TenantDatabase,
  type TenantTransaction,
  type TransactionLimits,
  withTenant,
} from '../tenancy/context/with-tenant.ts';
import type { ResolvedTenant, TenantStatus } from '../tenancy/registry/tenant.ts';
import type { DatabaseUse } from './database-use.ts';
import { assertServed } from './open-statuses.ts';
import type { Caller, Requirement } from './state.ts';

/** The tenant of a transaction and the conditions for entering it. */
export type EntryRequest = Readonly<{
  tenant: Pick<ResolvedTenant, 'id' | 'retryAfter'> & Partial<Pick<ResolvedTenant, 'migratedTo'>>;
  guards: readonly EntryStatement[];
  caller?: Caller | undefined;
  limits?: TransactionLimits | undefined;
  use?: Pick<DatabaseUse, 'watch'> | undefined;
}>;

type Mode = Readonly<{ readOnly: boolean; whileUnpaid: boolean }>;

const enteringOf = (request: EntryRequest, { readOnly, whileUnpaid }: Mode): Entering => ({
  tenant: request.tenant.id,
  schemaVersion: request.tenant.migratedTo,
  readOnly,
  guards: request.guards,
  limits: request.limits,
  watch: request.use?.watch,
  admit: (status) => assertServed({ ...request.tenant, status }, { whileUnpaid }),
});

const explainReadOnly =
  (readOnly: boolean) =>
  (error: unknown): never => {
    throw readOnly && isReadOnlyViolation(error)
      ? new ApiError('statement_refused', 'A GET or HEAD request ran a statement that writes.', {
          cause: error,
        })
      : error;
  };

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
  mode: Mode,
  work: (tx: TenantTransaction) => Promise<T>,
): Promise<T> {
  return withTenant(tenantDatabase, enteringOf(request, mode), async (tx) => {
    if (request.guards.length > 0 && !request.caller) {
      await flushEntry(tx);
    }
    return work(tx);
  }).catch(explainReadOnly(mode.readOnly));
}

const current = z.object({ status: z.enum(['active', 'suspended', 'unpaid', 'other']) }).strict();

/**
 * Checks in a transaction that lasts longer that the tenant's status and the guards still admit the request.
 *
 * @throws the error of a guard, Unavailable, or ApiError `payment_required` or `tenant_not_found`
 */
export async function recheckTenant(
  tx: TenantTransaction,
  { tenant, guards }: EntryRequest,
  { whileUnpaid }: Pick<Mode, 'whileUnpaid'>,
): Promise<void> {
  const { status } = await tx.one(sql.type(current)`
    select
      case
        when status not in ('active', 'suspended') then 'other'
        when status = 'active' and not on_trial and paid_until < (clock_timestamp() at time zone 'UTC')::date
          then 'unpaid'
        else status
      end as status
    from tenancy.my_tenant()
  `);
  if (status === 'other') {
    throw inMaintenance(tenant.retryAfter);
  }
  assertServed({ ...tenant, status }, { whileUnpaid });
  for (const guard of guards) {
    const { rows } = await tx.query(guard.text, guard.values).catch((error: Error) => {
      throw rejectionOf(guard, error);
    });
    guard.verify(rows);
  }
}

const ADMITTED: readonly TenantStatus[] = ['active'];
const ADMITTED_WHILE_UNPAID: readonly TenantStatus[] = ['active', 'suspended', 'unpaid'];

/** An entry request, and the requirements of its route. */
export type SingleRequest = EntryRequest & Readonly<{ requirements?: readonly Requirement[] | undefined }>;

/** Whether PostgreSQL alone can decide about the request, or the rows can be withheld. */
const canBeSingle = ({ guards, caller, requirements = [] }: SingleRequest, { readOnly }: Mode): boolean =>
  (guards.length === 0 || caller !== undefined) &&
  (readOnly || (requirements.length === 0 && guards.every(({ raises }) => raises)));

/**
 * Runs the query that `build` returns, with the tenant, the guards and the status check of a request, in
 * one network write. Returns its rows.
 *
 * What only Node can decide needs an ordinary transaction: permissions and guards that do not raise an
 * error in SQL, when the request writes, and a caller that only the database knows.
 */
export function queryTenant<Schema extends z.ZodType>(
  tenantDatabase: TenantDatabase,
  request: SingleRequest,
  mode: Mode,
  build: () => QuerySqlToken<Schema>,
): Promise<RowsOf<Schema>> {
  const inTransaction = (work: (tx: TenantTransaction) => Promise<RowsOf<Schema>>) =>
    enterTenant(tenantDatabase, request, mode, work);
  if (!canBeSingle(request, mode)) {
    return inTransaction(async (tx) => {
      if (request.requirements?.length) {
        // The guard reports the caller's rights, and the requirements are checked then.
        await flushEntry(tx);
      }
      return tx.any(build()) as Promise<RowsOf<Schema>>;
    });
  }
  let query: QuerySqlToken<Schema>;
  try {
    query = build();
  } catch (error) {
    // An error of the guards takes precedence: 401 over 404 and 400.
    return inTransaction(() => Promise.reject(error));
  }
  const admitted = mode.whileUnpaid ? ADMITTED_WHILE_UNPAID : ADMITTED;
  return querySingle(tenantDatabase, { ...enteringOf(request, mode), admitted }, query).catch(
    explainReadOnly(mode.readOnly),
  );
}
