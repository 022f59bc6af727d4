import type { Field, Row } from './row-shape.ts';

export type StatementResult = Readonly<{
  /** The first word of the command tag: SELECT, INSERT … */
  command: string;
  rowCount: number | null;
  fields: readonly Field[];
  rows: readonly Row[];
}>;

/** What PostgreSQL reported of a batch. */
export type Outcome = Readonly<{
  /** The results of the statements that completed, in order. They are final only if there is no error. */
  results: readonly StatementResult[];
  /** The first error. Null: there was none. */
  error: Error | null;
  /** Whether the error is a message of PostgreSQL, and not of the socket or the driver. */
  isReported: boolean;
  /** The transaction status of its ReadyForQuery. Null: it did not arrive. */
  status: string | null;
}>;

/**
 * Returns the result of a batch's last statement.
 *
 * @throws the error of the batch
 */
export function lastResult({ results, error }: Outcome): StatementResult {
  const last = results.at(-1);
  if (error || !last) {
    throw error ?? new TypeError('A statement has no result.');
  }
  return last;
}

export type CommandTag = Pick<StatementResult, 'command' | 'rowCount'>;

/** Tags that were read before. Most are of few rows, or of the reset. */
const tags = new Map<string, CommandTag>();
const MAX_TAGS = 1_000;

/** Returns command and row count of a command tag, such as `INSERT 0 1`. */
export function readTag(tag: string): CommandTag {
  const known = tags.get(tag);
  if (known) {
    return known;
  }
  const words = tag.split(' ');
  const count = words.length > 1 ? Number(words.at(-1)) : Number.NaN;
  const read = { command: words[0] ?? '', rowCount: Number.isNaN(count) ? null : count };
  if (tags.size < MAX_TAGS) {
    tags.set(tag, read);
  }
  return read;
}

const severityOf = (error: Error): unknown => (error as { severity?: unknown }).severity;

/** Whether PostgreSQL closes the connection after an error. */
export function isFatal(error: Error): boolean {
  const severity = severityOf(error);
  return severity === 'FATAL' || severity === 'PANIC';
}

/** Whether an error is a message of PostgreSQL, and not of the socket or the driver. */
export const isReported = (error: Error): boolean => severityOf(error) !== undefined;
