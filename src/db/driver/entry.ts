import type { Row } from './row-shape.ts';

/** One statement with its bound values, and a check of its rows. */
export type EntryStatement = Readonly<{
  text: string;
  values: readonly unknown[];
  /**
   * Throws to reject the transaction. Called before any row of the work is released.
   *
   * It cannot undo a single statement that writes: there, the SQL text itself must raise an error. See
   * `raises`.
   */
  verify: (rows: readonly Row[]) => void;
  /**
   * Whether the SQL text raises an error in every case in which `verify` would throw. Required for a
   * single statement that writes. Default: false.
   */
  raises?: boolean | undefined;
  /**
   * Returns the error for the code that `tenancy.require(condition, code)` raised in this statement.
   */
  rejection?: ((code: string) => Error) | undefined;
  /** Returns the process id of the backend from the rows. Called when they arrive, before the statements behind it end. */
  backendPid?: (rows: readonly Row[]) => number | null;
  /** Whether the statement is the same for all tenants, so that they may share its name. Default: false. */
  isShared?: boolean | undefined;
}>;

/** A round trip to PostgreSQL. Times are of `performance.now()`. */
export type Round = Readonly<{
  /** The statement of the work; null for a round trip with the driver's own statements only. */
  text: string | null;
  started: number;
  ended: number;
  failed: boolean;
}>;

/** Limits and observers of one transaction. */
export type TransactionOptions = Readonly<{
  /** Whether the transaction is read-only. Default: false. */
  readOnly?: boolean | undefined;
  /** Milliseconds until the driver cancels a statement. Default: the pool's. */
  queryTimeout?: number | undefined;
  /** Milliseconds that the transaction may wait for its work until the driver closes the connection. 0: no limit. */
  idleTimeout?: number | undefined;
  /** Bytes of the rows of one round trip until the driver closes the connection. Default: no limit. */
  resultBytes?: number | undefined;
  /**
   * Called when a statement has not ended after it was cancelled, with a promise that resolves when the
   * backend is known to have finished. The query has failed by then; the connection must not be released
   * before the promise resolves.
   */
  onOverdue?: ((finished: Promise<void>) => void) | undefined;
  /**
   * Called when the connection was lost while PostgreSQL committed. Slonik replaces the error of the
   * COMMIT by its own.
   */
  onOutcomeUnknown?: ((error: Error) => void) | undefined;
  /** Returns an SQL comment made by `sqlComment` that precedes every statement of the work, or null. */
  comment?: (() => string | null) | undefined;
  /**
   * What distinguishes the plans of this transaction's statements from those of others with the same
   * text: for example tenant and schema version. Without it they are not prepared.
   */
  statementScope?: string | undefined;
  /** Called after every round trip. */
  onRound?: ((round: Round) => void) | undefined;
}>;

/**
 * The statements that enter a tenant. They must be the first ones of a transaction, and are sent with
 * its first statement.
 *
 * Passed to the driver in place of a query's values, the only channel that Slonik passes through
 * unchanged. SQL text cannot create one.
 */
export class Entry {
  readonly statements: readonly EntryStatement[];
  readonly options: TransactionOptions;

  constructor(statements: readonly EntryStatement[], options: TransactionOptions = {}) {
    this.statements = statements;
    this.options = options;
  }
}

/** Passed in place of a query's values: sends the entry immediately, without a statement after it. */
export class Flush {}

/**
 * Passed in place of a query's values: runs the query as the only statement of its transaction, in one
 * network write with its entry.
 *
 * Slonik's errors contain the values of a query, and a logger may serialize them: the entry and the
 * values are private.
 */
export class SingleStatement {
  readonly #entry: Entry;
  readonly #values: readonly unknown[];

  constructor(entry: Entry, values: readonly unknown[]) {
    this.#entry = entry;
    this.#values = values;
  }

  get entry(): Entry {
    return this.#entry;
  }

  get values(): readonly unknown[] {
    return this.#values;
  }
}

/**
 * Passed in place of a query's values, several times in one transaction: returns the next `count` rows of the query.
 * The first call runs the query. PostgreSQL keeps the position until the transaction ends.
 */
export class RowCursor {
  static #last = 0;
  /** The name of the portal. No other cursor of this process has it. */
  readonly portal: string;
  /** Maximum number of rows of the next call. */
  count: number;
  /** Whether the query has run. Set by the driver. */
  isOpen = false;
  readonly #values: readonly unknown[];

  constructor(values: readonly unknown[], count: number) {
    RowCursor.#last += 1;
    this.portal = `rows_${RowCursor.#last}`;
    this.count = count;
    this.#values = values;
  }

  get values(): readonly unknown[] {
    return this.#values;
  }
}

/** Sent by the pool before it reuses a connection. The driver rejects it when the connection must be closed. */
export const ASSERT_REUSABLE = 'ASSERT REUSABLE';
