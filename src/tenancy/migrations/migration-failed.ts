import { failedStatement } from '../../db/driver/failed-statement.ts';
import { safeMessage } from '../../db/safe-message.ts';
import { maskLiterals } from '../../db/sql/mask-literals.ts';
import { SQLSTATE } from '../../db/sqlstate.ts';
import { databaseFields } from '../../db/violations.ts';
import { DomainError, OperatorError } from '../../errors.ts';
import { locationOfError } from './locate-error.ts';

/** One migration failed in one tenant. The reason is in `cause`. */
export class MigrationFailed extends OperatorError {
  override readonly name = 'MigrationFailed';
  readonly migration: string;

  constructor(migration: string, cause: unknown) {
    super('migration_failed', `${migration}: ${reasonOf(cause)}`, { cause });
    this.migration = migration;
  }
}

/** Returns the parts of a reason: a message, a hint, and the file, line and statement. */
function inOneLine(error: unknown, message: string, hint?: string): string {
  const location = locationOfError(error);
  return [
    message,
    ...(hint ? [`(${hint})`] : []),
    ...(location ? [`(${location.file}, line ${location.line}: ${location.statement})`] : []),
  ].join(' ');
}

/**
 * Returns a description of an error for an operator of the database: PostgreSQL's message, its hint, and the file,
 * line and statement. Not its detail, which quotes rows. The message may quote a value of a row.
 */
export function reasonOf(error: unknown): string {
  const { message, hint } = error as { message?: string; hint?: string };
  return inOneLine(error, message ?? String(error), hint);
}

/** Returns the description without values of rows, for operators who must not see them. */
export function reasonWithoutValues(error: unknown): string {
  if (error instanceof MigrationFailed) {
    return `${error.migration}: ${reasonWithoutValues(error.cause)}`;
  }
  const fields = databaseFields(error);
  if (!fields || error instanceof DomainError) {
    return reasonOf(error);
  }
  const message = safeMessage(fields, maskLiterals(failedStatement(error) ?? ''));
  return inOneLine(
    error,
    message ?? `SQLSTATE ${fields.code}. The message of PostgreSQL is hidden, because it may contain values.`,
  );
}

const TRANSIENT: ReadonlySet<string> = new Set([
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
export const isTransient = (error: unknown): boolean => TRANSIENT.has(stateOf(error));

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
