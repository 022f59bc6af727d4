import { SQLSTATE } from '../../db/sqlstate.ts';
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

const PASSING: ReadonlySet<string> = new Set([
  SQLSTATE.LOCK_NOT_AVAILABLE,
  SQLSTATE.DEADLOCK_DETECTED,
  SQLSTATE.SERIALIZATION_FAILURE,
]);

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
const NEEDS_COMMIT: ReadonlySet<string> = new Set([
  SQLSTATE.UNSAFE_NEW_ENUM_VALUE_USAGE,
  SQLSTATE.OBJECT_IN_USE,
  SQLSTATE.FOREIGN_KEY_VIOLATION,
  SQLSTATE.UNIQUE_VIOLATION,
  SQLSTATE.EXCLUSION_VIOLATION,
]);

/** Whether migrations that failed in one transaction may succeed in one transaction each. */
export const needsCommit = (error: unknown): boolean =>
  error instanceof MigrationFailed && NEEDS_COMMIT.has(stateOf(error));
