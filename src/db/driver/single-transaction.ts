import type { Batch } from './batch.ts';
import type { SingleStatement } from './entry.ts';
import { assertEntered, outcomeUnknown } from './entry-outcome.ts';
import type { StatementResult } from './outcome.ts';
import type { RoundTrips } from './round-trips.ts';
import type { SessionBatches } from './session-batches.ts';

export type SingleTransactionContext = Readonly<{
  batches: SessionBatches;
  roundTrips: RoundTrips;
  /** Closes the connection and throws the error of the request. */
  refuse: (message: string) => never;
}>;

const ROW_COMMANDS: ReadonlySet<string | undefined> = new Set([
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'MERGE',
]);

/**
 * Runs one statement as a transaction of its own: sends the entry, the statement and the reset of the session in one
 * network write. Nothing that is decided here can undo a statement that writes, so its guards must raise errors in SQL.
 *
 * @throws ApiError `outcome_unknown` when the connection was lost and the statement may have been committed
 */
export async function runSingleTransaction(
  text: string,
  { entry: { statements, options }, values }: SingleStatement,
  { batches, roundTrips, refuse }: SingleTransactionContext,
): Promise<StatementResult> {
  const isWriting = options.readOnly !== true;
  if (isWriting && !statements.every(({ raises }) => raises)) {
    throw new TypeError('A single statement that writes needs guards that raise an error in SQL.');
  }
  const build = () =>
    batches.of([...batches.entry(statements, options), batches.work({ text, values }, options)]);
  const send = (batch: Batch) => roundTrips.sendLast(batch, batches.reset(), text, options);
  const { results, error, status, isReported } = await batches.sendFirst(build, send);

  const isComplete = results.length === statements.length + 1;
  if (error && status === null && isWriting && (isComplete || !isReported)) {
    throw outcomeUnknown(error);
  }
  assertEntered(statements, results, error);
  if (error) {
    throw error;
  }
  const last = results.at(-1);
  if (!last || status !== 'I' || !isComplete || !ROW_COMMANDS.has(last.command)) {
    throw refuse('The transaction ended while its work was running.');
  }
  return last;
}
