import type { DatabasePoolConnection } from 'slonik';

import type { Entry } from '../../db/driver/entry.ts';
import { hasSqlState, TENANCY_SQLSTATE } from '../../db/sqlstate.ts';
import type { TenantStatus } from '../registry/tenant.ts';
import { createEntry } from './entry-statement.ts';
import type { Entering, TenantDatabase } from './tenant-database.ts';

type Outcome<T> = { ok: true; value: T } | { ok: false; error: unknown };

type Work<T> = (connection: DatabasePoolConnection, entry: Entry) => Promise<T>;

/**
 * Lends a connection of the tenant's pool shard to `work`, with the entry of one transaction, when the
 * tenant may start one.
 *
 * An error keeps the connection. When PostgreSQL cannot interrupt a statement that timed out, the
 * returned promise rejects, but the connection and the tenant's slot in the concurrency limit are held
 * until the backend has finished.
 *
 * @throws any error of the concurrency limiter, the entry, a guard or `work`
 */
export async function borrowConnection<T>(
  tenantDatabase: TenantDatabase,
  entering: Entering,
  admitted: readonly TenantStatus[] | null,
  work: Work<T>,
): Promise<T> {
  const { tenant, limits, watch } = entering;
  await tenantDatabase.wait?.(tenant);
  const leave = await tenantDatabase.concurrencyLimiter?.enter(tenant, limits?.concurrency ?? null);
  const over = watch?.onTransaction?.();
  const { outcome, released } = lend(tenantDatabase, entering, admitted, work);
  void released.then(leave, leave);
  let failed = true;
  try {
    const ended = await outcome;
    if (!ended.ok) {
      if (hasSqlState(ended.error, TENANCY_SQLSTATE.LOCKED, TENANCY_SQLSTATE.IN_OTHER_DATABASE)) {
        tenantDatabase.onRefused?.(tenant);
      }
      throw ended.error;
    }
    failed = false;
    return ended.value;
  } finally {
    over?.(failed);
  }
}

/**
 * Returns two promises: the outcome of the transaction, and the release of its connection, which never
 * comes first.
 */
function lend<T>(
  tenantDatabase: TenantDatabase,
  entering: Entering,
  admitted: readonly TenantStatus[] | null,
  work: Work<T>,
): { outcome: Promise<Outcome<T>>; released: Promise<void> } {
  let overdue: Promise<void> | undefined;
  let outcomeUnknown: Error | undefined;
  const entry = createEntry(tenantDatabase, entering, {
    admitted,
    onOverdue: (finished) => {
      overdue = finished;
    },
    onOutcomeUnknown: (error) => {
      outcomeUnknown = error;
    },
  });

  // Slonik destroys the connection when the callback of connect() throws. So the error is returned as
  // a value (a new connection costs 37 ms, a reused one 3 ms).
  const run = async (connection: DatabasePoolConnection): Promise<Outcome<T>> => {
    try {
      return { ok: true, value: await work(connection, entry) };
    } catch (error) {
      return { ok: false, error: outcomeUnknown ?? error };
    }
  };

  const answered = Promise.withResolvers<Outcome<T>>();
  let running: Promise<Outcome<T>> | undefined;
  const connect = async (): Promise<void> =>
    tenantDatabase.poolOf(entering.tenant).connect(async (connection) => {
      running = run(connection);
      answered.resolve(await running);
      // The connection keeps its slot in the pool until its backend has finished.
      await overdue;
    });
  const released = connect().catch(async (error: unknown) => {
    // Slonik rejects as soon as the connection breaks, while the work still runs and could overwrite
    // the error response. The outcome is known only when the work has ended, and a confirmed COMMIT is
    // a success.
    const ended = await running;
    answered.resolve(ended?.ok || outcomeUnknown ? (ended as Outcome<T>) : { ok: false, error });
    await overdue;
  });
  return { outcome: answered.promise, released };
}
