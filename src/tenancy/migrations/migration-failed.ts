import { OperatorError } from '../../errors.ts';
import { locationOfError } from './locate-error.ts';

/** One migration failed in one tenant. The reason is in `cause`. */
export class MigrationFailed extends OperatorError {
  override readonly name = 'StepFailed';
  readonly migration: string;

  constructor(migration: string, cause: unknown) {
    super('migration_failed', `${migration}: ${reasonOf(cause)}`, { cause });
    this.migration = migration;
  }
}

/**
 * Returns a description of an error for an operator: PostgreSQL's message, its hint, and the file,
 * line and statement. Not its detail, which quotes rows.
 */
export function reasonOf(error: unknown): string {
  const { message, hint } = error as { message?: string; hint?: string };
  const location = locationOfError(error);
  return [
    message ?? String(error),
    ...(hint ? [`(${hint})`] : []),
    ...(location ? [`(${location.file}, line ${location.line}: ${location.statement})`] : []),
  ].join(' ');
}

/** lock_not_available, deadlock_detected, serialization_failure. */
const PASSING = new Set(['55P03', '40P01', '40001']);

/** Returns the SQLSTATE of the innermost error. */
function stateOf(error: unknown): string {
  const { code, cause } = error as { code?: string; cause?: unknown };
  return cause ? stateOf(cause) : (code ?? '');
}

/** Whether the error was caused by a concurrent transaction, so that a retry may succeed. */
export const isPassing = (error: unknown): boolean => PASSING.has(stateOf(error));

/**
 * Unsafe use of a new enum value, pending trigger events, and violations that a deferred constraint
 * reports when it is checked immediately.
 */
const NEEDS_COMMIT = new Set(['55P04', '55006', '23503', '23505', '23P01']);

/** Whether migrations that failed in one transaction may succeed in one transaction each. */
export const needsCommit = (error: unknown): boolean =>
  error instanceof MigrationFailed && NEEDS_COMMIT.has(stateOf(error));
