/** One statement with its bound values, and what must hold of the rows it answers. */
export type EntryStatement = Readonly<{
  text: string;
  values: readonly unknown[];
  /** Throws to refuse the transaction. Runs before any row of the work is released. */
  verify: (rows: ReadonlyArray<Record<string, unknown>>) => void;
}>;

/**
 * What must come first in a transaction, and travels with its first statement.
 *
 * Handed to the driver in place of a query's values, which is the one channel
 * that Slonik passes through untouched; no SQL text can make one.
 */
export class Entry {
  readonly statements: readonly EntryStatement[];

  constructor(statements: readonly EntryStatement[]) {
    this.statements = statements;
  }
}

/** Sent in place of a query's values: send the entry now, without a statement behind it. */
export class Flush {}
