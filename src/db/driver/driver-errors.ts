import {
  BackendTerminatedError,
  CheckIntegrityConstraintViolationError,
  ForeignKeyIntegrityConstraintViolationError,
  InvalidInputError,
  NotNullIntegrityConstraintViolationError,
  StatementCancelledError,
  StatementTimeoutError,
  UniqueIntegrityConstraintViolationError,
} from 'slonik';

type PgError = Error & { code?: string; constraint?: string; table?: string; column?: string };

/**
 * Returns the Slonik error for an error of PostgreSQL or the socket, as Slonik's own driver does, so
 * that interceptors and callers handle one set of errors.
 */
export function slonikError(error: unknown): Error {
  if (!(error instanceof Error)) {
    return new Error(String(error));
  }
  const pgError = error as PgError;
  // Slonik's constructors read the names from PostgreSQL's error, and keep it as their cause.
  const integrity = error as ConstructorParameters<typeof UniqueIntegrityConstraintViolationError>[0];
  switch (pgError.code) {
    case '22P02':
      return new InvalidInputError(error.message, { cause: error });
    case '23502':
      return new NotNullIntegrityConstraintViolationError(integrity);
    case '23503':
      return new ForeignKeyIntegrityConstraintViolationError(integrity);
    case '23505':
      return new UniqueIntegrityConstraintViolationError(integrity);
    case '23514':
      return new CheckIntegrityConstraintViolationError(integrity);
    case '57014':
      return error.message.includes('user request')
        ? new StatementCancelledError(error)
        : new StatementTimeoutError(error);
    case '25P03':
    case '57P01':
    case '57P02':
    case '57P03':
    // PgBouncer sends this before it closes a client, for example after `query_wait_timeout`.
    case '08P01':
      return new BackendTerminatedError(error);
    default:
      return /connection terminated|connection error|ECONNRESET|EPIPE|Query read timeout/i.test(error.message)
        ? new BackendTerminatedError(error)
        : error;
  }
}
