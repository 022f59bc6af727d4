/** One statement with its bound values, and a check of its rows. */
export type EntryStatement = Readonly<{
  text: string;
  values: readonly unknown[];
  /** Throws to reject the transaction. Called before any row of the work is released. */
  verify: (rows: ReadonlyArray<Record<string, unknown>>) => void;
  /** Returns the process id of the backend from the rows. Called when they arrive, before the statements behind it end. */
  backendPid?: (rows: ReadonlyArray<Record<string, unknown>>) => number | null;
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
export type Terms = Readonly<{
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
  /** An SQL comment made by `sqlComment` that precedes every statement of the work. */
  comment?: string | undefined;
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
  readonly terms: Terms;

  constructor(statements: readonly EntryStatement[], terms: Terms = {}) {
    this.statements = statements;
    this.terms = terms;
  }
}

/** Passed in place of a query's values: sends the entry immediately, without a statement after it. */
export class Flush {}

/** Sent by the pool before it reuses a connection. The driver rejects it when the connection must be closed. */
export const ASSERT_REUSABLE = 'ASSERT REUSABLE';
