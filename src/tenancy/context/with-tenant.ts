import {
  type DatabasePool,
  type DatabasePoolConnection,
  type DatabaseTransactionConnection,
  sql,
} from 'slonik';
import { z } from 'zod';

import { Entry, type EntryStatement, Flush, type Round } from '../../db/driver/entry.ts';
import type { SchemaName, TenantId, TenantStatus } from '../registry/tenant.ts';
import type { ConcurrencyLimiter } from './concurrency-limiter.ts';
import type { ProofKey } from './keys.ts';
import { createProof } from './proof.ts';
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
  /** Milliseconds that a transaction may wait for its work; 0, or left out: as long as it likes. */
  idleTimeout?: number;
  /** Lets so many transactions of a tenant through at once. @throws Unavailable when that takes too long */
  concurrencyLimiter?: ConcurrencyLimiter;
  /** Waits while an operation has the tenant locked. @throws Unavailable when that takes too long */
  pass?: (tenant: TenantId) => Promise<void>;
  /** Told when a database refused a tenant because it is locked, or lives elsewhere. */
  onRefused?: (tenant: TenantId) => void;
  /** Told the schema that a tenant was found in. */
  onEntered?: (tenant: TenantId, schema: SchemaName) => void;
}>;

/** What holds for this transaction in place of the gate's own. Times are milliseconds. */
export type TransactionLimits = Readonly<{
  statementTimeout: number;
  idleTimeout: number;
  /** Transactions of the tenant at once; null: as many as the turnstile says. */
  concurrency: number | null;
  /** Bytes of the rows of one round trip. Default: no limit. */
  resultBytes?: number;
}>;

/** Who looks on, and what its statements are marked with. */
export type Watch = Readonly<{
  /** An SQL comment of `sqlComment`, or null. */
  comment: () => string | null;
  onRound: (round: Round) => void;
  /** A transaction begins; what it answers is told how it ended. */
  onTransaction?: (() => (failed: boolean) => void) | undefined;
}>;

/** Locked by an operation; lives in another database: sql/shared/databases.sql. */
const NOT_NOW = new Set<unknown>(['KT004', 'KT005']);

/** Which tenant a transaction enters, and under which conditions. */
export type Entering = Readonly<{
  tenant: TenantId;
  readOnly: boolean;
  /** Checks that travel with the entry: their refusal comes before anything that the work has done. */
  guards?: readonly EntryStatement[];
  /** Told the tenant's status as the database has it, which may be newer than the cache's. Throws to refuse. */
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

/** A text where the connection reads values as PostgreSQL writes them: run-statement.ts. */
const pid = z.coerce.number().int();

const backendPid = z.object({ backend_pid: pid });

const entered = z.object({
  name: z.string().startsWith(NAMED),
  status: z.enum(['active', 'suspended']),
  unpaid: z.boolean(),
  backend_pid: pid,
});

type Outcome<T> = { ok: true; value: T } | { ok: false; error: unknown };

/** Puts something else than values into a query: the driver reads it, SQL cannot make it. */
const forDriver = (message: Entry | Flush) =>
  ({ ...sql.unsafe`select`, values: message }) as unknown as ReturnType<typeof sql.unsafe>;

/**
 * Sends what is held back of the transaction's beginning and waits for its
 * verdict. Only needed before a decision that rests on a guard's rows and comes
 * before the first query.
 */
export async function flushEntry(tx: Pick<DatabaseTransactionConnection, 'query'>): Promise<void> {
  await tx.query(forDriver(new Flush()));
}

/**
 * Runs `work` in a transaction that can reach the rows of one tenant and no others.
 *
 * BEGIN, the entry, the guards and the first query of `work` leave in one
 * network write; COMMIT and the reset of the session in another. The entry's and
 * the guards' verdict comes first: when they refuse, their error is thrown
 * whatever `work` made of it, and nothing it did is kept.
 *
 * Takes a gate and never a transaction: a nested call would wait for a second
 * connection while it holds one. An error rolls back and keeps the connection.
 * `work` runs once; a serialization failure is its caller's to retry.
 *
 * A query that is still running when `work` ends fails the transaction. When
 * PostgreSQL cannot interrupt a statement that timed out, the returned promise
 * rejects, and the connection and the tenant's place in the concurrency limit are
 * held until the backend has finished.
 *
 * @throws whatever the turnstile, the entry, a guard or `work` throws, after the rollback.
 */
export async function withTenant<T>(
  tenantDatabase: TenantDatabase,
  entering: Entering,
  work: (tx: TenantTransaction) => Promise<T>,
): Promise<T> {
  const { tenant, limits, watch } = entering;
  await tenantDatabase.pass?.(tenant);
  const leave = await tenantDatabase.concurrencyLimiter?.enter(tenant, limits?.concurrency ?? null);
  const over = watch?.onTransaction?.();
  const { outcome, released } = inTransaction(tenantDatabase, entering, work);
  void released.then(leave, leave);
  let failed = true;
  try {
    const ended = await outcome;
    if (!ended.ok) {
      if (NOT_NOW.has((ended.error as { code?: unknown }).code)) {
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

/** Returns the transaction's outcome, and when its connection is free. The second never comes first. */
function inTransaction<T>(
  tenantDatabase: TenantDatabase,
  { tenant, readOnly, guards = [], admit, limits, watch }: Entering,
  work: (tx: TenantTransaction) => Promise<T>,
): { outcome: Promise<Outcome<T>>; released: Promise<void> } {
  const statementTimeout = limits?.statementTimeout ?? tenantDatabase.statementTimeout;
  const idleTimeout = limits?.idleTimeout ?? tenantDatabase.idleTimeout ?? 0;
  const proof = createProof(tenantDatabase.key, tenant);
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
    // PostgreSQL ends the statement first; the socket goes when it does not.
    queryTimeout: limits && limits.statementTimeout + 1_000,
    idleTimeout,
    resultBytes: limits?.resultBytes,
    onOverdue: (finished) => {
      overdue = finished;
    },
    comment: watch?.comment() ?? undefined,
    onRound: watch?.onRound,
  });

  // Slonik destroys the connection when the callback of connect() throws, so
  // what went wrong is carried out as a value (37 against 3 ms).
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
      // The connection keeps its place in the pool until its backend has finished.
      await overdue;
    });
  const released = connect().catch(async (error: unknown) => {
    // Slonik rejects as soon as the connection breaks, while the work still runs
    // and would write its response over the error. The outcome is known only when
    // the work has ended, and a confirmed COMMIT is a success.
    const ended = await running;
    answered.resolve(ended?.ok ? ended : { ok: false, error });
    await overdue;
  });
  return { outcome: answered.promise, released };
}
