/** One statement with its bound values, and a check of its rows. */
export type EntryStatement = Readonly<{
  text: string;
  values: readonly unknown[];
  /** Throws to reject the transaction. Called before any row of the work is released. */
  verify: (rows: ReadonlyArray<Record<string, unknown>>) => void;
  /** Returns the process id of the backend from the rows. Called when they arrive, before the statements behind it end. */
  backendPid?: (rows: ReadonlyArray<Record<string, unknown>>) => number | null;
}>;

/** What one round trip to PostgreSQL was. Times are of `performance.now()`. */
export type Round = Readonly<{
  /** The statement of the work that it carried; null when it carried the driver's own words only. */
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
  /** Put before every statement of the work. An SQL comment, of `sqlComment` only. */
  comment?: string | undefined;
  /** Told of every round trip. */
  onRound?: ((round: Round) => void) | undefined;
}>;

/**
 * What must come first in a transaction, and travels with its first statement.
 *
 * Handed to the driver in place of a query's values, which is the one channel
 * that Slonik passes through untouched; no SQL text can make one.
 */
export class Entry {
  readonly statements: readonly EntryStatement[];
  readonly terms: Terms;

  constructor(statements: readonly EntryStatement[], terms: Terms = {}) {
    this.statements = statements;
    this.terms = terms;
  }
}

/** Sent in place of a query's values: send the entry now, without a statement behind it. */
export class Flush {}

/** Sent by the pool before it reuses a connection. The driver rejects it when the connection must be closed. */
export const ASSERT_REUSABLE = 'ASSERT REUSABLE';
