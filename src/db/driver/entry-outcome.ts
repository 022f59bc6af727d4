import { ApiError, type DomainError } from '../../errors.ts';
import { hasSqlState, TENANCY_SQLSTATE } from '../sqlstate.ts';
import type { EntryStatement } from './entry.ts';
import type { StatementResult } from './outcome.ts';

/** Creates the error of a commit whose result did not arrive. */
export const outcomeUnknown = (cause: Error): DomainError =>
  new ApiError(
    'outcome_unknown',
    'The connection to the database was lost while it saved. Check whether the change was made before you send it again.',
    { cause },
  );

/** Returns the error of an entry's statement in the words of that statement. */
export function rejectionOf({ rejection }: Pick<EntryStatement, 'rejection'>, error: Error): Error {
  return rejection && hasSqlState(error, TENANCY_SQLSTATE.GUARD_REJECTED) ? rejection(error.message) : error;
}

/**
 * Checks the results of an entry's statements, in order: the first failure is the cause of the others.
 *
 * @throws the error of a statement or of its `verify`
 */
export function assertEntered(
  statements: readonly EntryStatement[],
  results: readonly StatementResult[],
  error: Error | null,
): void {
  for (const [index, statement] of statements.entries()) {
    const result = results[index];
    if (!result) {
      throw error ? rejectionOf(statement, error) : new TypeError('A statement of the entry has no result.');
    }
    statement.verify(result.rows);
  }
}
