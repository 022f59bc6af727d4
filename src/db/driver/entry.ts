/** One statement with its bound values, and what must hold of the rows it answers. */
export type EntryStatement = Readonly<{
  text: string;
  values: readonly unknown[];
  /** Throws to refuse the transaction. Runs before any row of the work is released. */
  verify: (rows: ReadonlyArray<Record<string, unknown>>) => void;
}>;

/** What one round trip to PostgreSQL was. Times are of `performance.now()`. */
export type Round = Readonly<{
  /** The statement of the work that it carried; null when it carried the driver's own words only. */
  text: string | null;
  started: number;
  ended: number;
  failed: boolean;
}>;

/** What holds for one transaction and no other. */
export type Terms = Readonly<{
  /** Milliseconds that a statement may take before it is cancelled from here. The pool's own when left out. */
  queryTimeout?: number | undefined;
  /** Milliseconds that the transaction may wait for its work before its connection is ended from here. 0: for ever. */
  idleTimeout?: number | undefined;
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
