import { type DatabaseTransactionConnection, sql } from 'slonik';

import { type Entry, Flush } from '../../db/driver/entry.ts';
import { borrowConnection } from './borrow-connection.ts';
import type { Entering, TenantDatabase } from './tenant-database.ts';
import { type TextQuery, trackQueries } from './track-queries.ts';

export type { Entering, TenantDatabase, TransactionLimits, Watch } from './tenant-database.ts';

declare const tenantBrand: unique symbol;

/**
 * A transaction inside one tenant: Slonik's, whose `query` also takes text and values of a query builder.
 * Only `withTenant` creates one.
 */
export type TenantTransaction = DatabaseTransactionConnection & {
  readonly query: TextQuery;
  readonly [tenantBrand]: true;
};

/** Passes a message to the driver in place of a query's values. SQL text cannot create one. */
const forDriver = (message: Entry | Flush) =>
  ({ ...sql.unsafe`select`, values: message }) as unknown as ReturnType<typeof sql.unsafe>;

/**
 * Sends the held-back beginning of the transaction and waits for its result. Needed only before a
 * decision that depends on a guard's rows and precedes the first query.
 */
export async function flushEntry(tx: Pick<DatabaseTransactionConnection, 'query'>): Promise<void> {
  await tx.query(forDriver(new Flush()));
}

/**
 * Runs `work` in a transaction that can access the rows of one tenant and no others.
 *
 * BEGIN, the entry, the guards and the first query of `work` leave in one network write; COMMIT and
 * the reset of the session in another. If the entry or a guard rejects, its error is thrown, even if
 * `work` caught it, and the transaction is rolled back.
 *
 * Takes a `TenantDatabase` and never a transaction: a nested call would wait for a second connection
 * while it holds one. An error rolls back and keeps the connection. `work` runs once; the caller may
 * retry a serialization failure.
 *
 * A query that is still running when `work` ends fails the transaction. When PostgreSQL cannot
 * interrupt a statement that timed out, the returned promise rejects, but the connection and the
 * tenant's slot in the concurrency limit are held until the backend has finished.
 *
 * @throws any error of the concurrency limiter, the entry, a guard or `work`, after the rollback
 */
export async function withTenant<T>(
  tenantDatabase: TenantDatabase,
  entering: Entering,
  work: (tx: TenantTransaction) => Promise<T>,
): Promise<T> {
  return borrowConnection(tenantDatabase, entering, null, (connection, entry) =>
    connection.transaction(async (raw) => {
      await raw.query(forDriver(entry));
      const { tx, close } = trackQueries(raw);
      try {
        const result = await work(tx as TenantTransaction);
        await close();
        return result;
      } catch (error) {
        await close().catch(() => {});
        await flushEntry(raw);
        throw error;
      }
    }),
  );
}
