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

import { ApiError } from '../../errors.ts';
import { SQLSTATE } from '../sqlstate.ts';

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
    case SQLSTATE.INVALID_TEXT_REPRESENTATION:
      return new InvalidInputError(error.message, { cause: error });
    case SQLSTATE.NOT_NULL_VIOLATION:
      return new NotNullIntegrityConstraintViolationError(integrity);
    case SQLSTATE.FOREIGN_KEY_VIOLATION:
      return new ForeignKeyIntegrityConstraintViolationError(integrity);
    case SQLSTATE.UNIQUE_VIOLATION:
      return new UniqueIntegrityConstraintViolationError(integrity);
    case SQLSTATE.CHECK_VIOLATION:
      return new CheckIntegrityConstraintViolationError(integrity);
    case SQLSTATE.QUERY_CANCELED:
      return error.message.includes('user request')
        ? new StatementCancelledError(error)
        : new StatementTimeoutError(error);
    case SQLSTATE.IDLE_IN_TRANSACTION_SESSION_TIMEOUT:
    case SQLSTATE.ADMIN_SHUTDOWN:
    case SQLSTATE.CRASH_SHUTDOWN:
    case SQLSTATE.CANNOT_CONNECT_NOW:
    // PgBouncer sends this before it closes a client, for example after `query_wait_timeout`.
    case SQLSTATE.PROTOCOL_VIOLATION:
      return new BackendTerminatedError(error);
    default:
      return /connection terminated|connection error|ECONNRESET|EPIPE|Query read timeout/i.test(error.message)
        ? new BackendTerminatedError(error)
        : error;
  }
}

/** Creates the error of pg for a connection that has ended. `slonikError` recognizes its message. */
export const connectionTerminated = (): Error => new Error('Connection terminated');

/** Creates the error of a request whose rows exceed `bytes`. */
export const resultTooLarge = (bytes: number): ApiError =>
  new ApiError(
    'response_too_large',
    `The rows of this request exceed ${bytes} bytes. Request fewer rows at a time.`,
  );
