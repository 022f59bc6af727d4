import {
  type DatabasePool,
  type DatabasePoolConnection,
  type DatabaseTransactionConnection,
  sql,
} from 'slonik';
import { z } from 'zod';
import { Entry, type EntryStatement, Flush, type Round } from '../../db/driver/entry.ts';
import { hasSqlState, TENANCY_SQLSTATE } from '../../db/sqlstate.ts';
import type { SchemaName, TenantId, TenantStatus } from '../registry/tenant.ts';
import type { ConcurrencyLimiter } from './concurrency-limiter.ts';
import type { ProofKey } from './keys.ts';
import { reuseProof } from './proof.ts';
import { type TextQuery, trackQueries } from './track-queries.ts';

declare const tenantBrand: unique symbol;

/**
 * A transaction inside one tenant: Slonik's, whose `query` also takes text and values of a query builder.
 * Only `withTenant` creates one.
 */
export type TenantTransaction = DatabaseTransactionConnection & {
  readonly query: TextQuery;
  readonly [tenantBrand]: true;
};

/** Pools and proof key: what a transaction inside a tenant needs. Routes and `start` get one. */
export type TenantDatabase = Readonly<{
  poolOf: (tenant: TenantId) => DatabasePool;
  key: ProofKey;
  statementTimeout: number;
  /** Milliseconds that a transaction may wait for its work. Default: 0, no limit. */
  idleTimeout?: number;
  /**
   * Limits the transactions that a tenant runs at the same time. Its `enter` throws Unavailable when
   * the wait takes too long.
   */
  concurrencyLimiter?: ConcurrencyLimiter;
  /** Waits while an operation has locked the tenant. @throws Unavailable when that takes too long */
  wait?: (tenant: TenantId) => Promise<void>;
  /** Called with a tenant that a database rejected because it is locked or in another database. */
  onRefused?: (tenant: TenantId) => void;
  /** Called with the schema of a tenant when it was entered. */
  onEntered?: (tenant: TenantId, schema: SchemaName) => void;
}>;

/** Limits of this transaction in place of the defaults of `TenantDatabase`. Times are in milliseconds. */
export type TransactionLimits = Readonly<{
  statementTimeout: number;
  idleTimeout: number;
  /** Maximum number of transactions of the tenant at the same time. Null: the limiter's default. */
  concurrency: number | null;
  /** Maximum bytes of the rows of one round trip. Default: no limit. */
  resultBytes?: number;
}>;

/** Observers of transactions, and the comment of their statements. */
export type Watch = Readonly<{
  /** Returns an SQL comment made by `sqlComment`, or null. */
  comment: () => string | null;
  onRound: (round: Round) => void;
  /**
   * Called when a transaction begins. The returned function is called when it ends, with whether it
   * failed.
   */
  onTransaction?: (() => (failed: boolean) => void) | undefined;
}>;

/** Which tenant a transaction enters, and under which conditions. */
export type Entering = Readonly<{
  tenant: TenantId;
  readOnly: boolean;
  /** Checks that are sent with the entry. If one rejects, nothing that the work has done is kept. */
  guards?: readonly EntryStatement[];
  /**
   * Called with the tenant's status in the database, which may be newer than the cached one. Throws to
   * reject.
   */
  admit?: (status: TenantStatus) => void;
  limits?: TransactionLimits | undefined;
  watch?: Watch | undefined;
}>;

const ENTER = `
  select
    set_config('transaction_read_only', case when $4 then 'on' else current_setting('transaction_read_only') end, true),
    set_config('statement_timeout', $5, true),
    set_config('idle_in_transaction_session_timeout', $6, true),
    set_config('application_name', 'koa-tenants ' || trim(both '"' from split_part(e.path, ',', 1)), true) as name,
    set_config('search_path', e.path, true),
    set_config('role', e.role, true),
    e.status,
    e.unpaid,
    pg_backend_pid() as backend_pid
  from tenancy.enter($1, $2, $3) as e
`;

const NAMED = 'koa-tenants ';

/** Text on a connection with `TEXT_TYPES`: see run-statement.ts. */
const pid = z.coerce.number().int();

const backendPid = z.object({ backend_pid: pid });

const entered = z.object({
  name: z.string().startsWith(NAMED),
  status: z.enum(['active', 'suspended']),
  unpaid: z.boolean(),
  backend_pid: pid,
});

type Outcome<T> = { ok: true; value: T } | { ok: false; error: unknown };

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
  const { tenant, limits, watch } = entering;
  await tenantDatabase.wait?.(tenant);
  const leave = await tenantDatabase.concurrencyLimiter?.enter(tenant, limits?.concurrency ?? null);
  const over = watch?.onTransaction?.();
  const { outcome, released } = inTransaction(tenantDatabase, entering, work);
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
function inTransaction<T>(
  tenantDatabase: TenantDatabase,
  { tenant, readOnly, guards = [], admit, limits, watch }: Entering,
  work: (tx: TenantTransaction) => Promise<T>,
): { outcome: Promise<Outcome<T>>; released: Promise<void> } {
  const statementTimeout = limits?.statementTimeout ?? tenantDatabase.statementTimeout;
  const idleTimeout = limits?.idleTimeout ?? tenantDatabase.idleTimeout ?? 0;
  const proof = reuseProof(tenantDatabase.key, tenant);
  const entrance: EntryStatement = {
    text: ENTER,
    values: [tenant, proof.expires, proof.text, readOnly, String(statementTimeout), String(idleTimeout)],
    verify: ([row]) => {
      const { name, status, unpaid } = entered.parse(row);
      tenantDatabase.onEntered?.(tenant, name.slice(NAMED.length) as SchemaName);
      admit?.(unpaid && status === 'active' ? 'unpaid' : status);
    },
    backendPid: ([row]) => backendPid.parse(row).backend_pid,
  };
  let overdue: Promise<void> | undefined;
  const entry = new Entry([entrance, ...guards], {
    // PostgreSQL ends the statement first. The driver closes the socket if it does not.
    queryTimeout: limits && limits.statementTimeout + 1_000,
    idleTimeout,
    resultBytes: limits?.resultBytes,
    onOverdue: (finished) => {
      overdue = finished;
    },
    comment: watch?.comment,
    onRound: watch?.onRound,
  });

  // Slonik destroys the connection when the callback of connect() throws. So the error is returned as
  // a value (a new connection costs 37 ms, a reused one 3 ms).
  const run = async (connection: DatabasePoolConnection): Promise<Outcome<T>> => {
    try {
      const value = await connection.transaction(async (raw) => {
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
      });
      return { ok: true, value };
    } catch (error) {
      return { ok: false, error };
    }
  };

  const answered = Promise.withResolvers<Outcome<T>>();
  let running: Promise<Outcome<T>> | undefined;
  const connect = async (): Promise<void> =>
    tenantDatabase.poolOf(tenant).connect(async (connection) => {
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
    answered.resolve(ended?.ok ? ended : { ok: false, error });
    await overdue;
  });
  return { outcome: answered.promise, released };
}
