import {
  BackendTerminatedError,
  ConnectionError,
  StatementCancelledError,
  StatementTimeoutError,
} from 'slonik';

import { DomainError, Unavailable } from '../errors.ts';

const OUTAGE = 'The database cannot be reached. Try again in a moment.';
const OVERDUE =
  'The database took too long over this, and it was ended. Ask for less, or try again in a moment.';

/** Constraint name to the API error of an app. */
export type Violations = Readonly<Record<string, () => DomainError>>;

/** Told by the directory and by the entry alike: to come back, and after how many seconds. */
export const inMaintenance = (retryAfter: number): Unavailable =>
  new Unavailable('tenant_maintenance', 'This tenant is in maintenance. Try again later.', retryAfter);

/** SQLSTATE to what it means to a client. KT… are our own: sql/shared/functions/enter.sql. */
const STATES: Readonly<Record<string, (detail: unknown) => DomainError>> = {
  KT001: () => new DomainError('tenant_not_found', 'No such tenant.'),
  // enter() says in its detail how many seconds the operator asked for.
  KT003: (detail) => inMaintenance(Number(detail) || 60),
  KT004: () => new Unavailable('tenant_busy', 'This tenant is being changed. Try again in a moment.', 2),
  KT005: () => new Unavailable('tenant_busy', 'This tenant is being moved. Try again in a moment.', 1),
  '22021': () => new DomainError('parse_error', 'The request holds a character that cannot be stored.'),
  '40001': () => new Unavailable('tenant_busy', 'This collided with another change. Try again.', 1),
  '40P01': () => new Unavailable('tenant_busy', 'This collided with another change. Try again.', 1),
  '53100': () => new Unavailable('storage_full', 'The database has no room left. Try again later.', 60),
  '53300': () => new Unavailable('database_unavailable', OUTAGE, 5),
  '57P01': () => new Unavailable('database_unavailable', OUTAGE, 5),
  '57P02': () => new Unavailable('database_unavailable', OUTAGE, 5),
  '57P03': () => new Unavailable('database_unavailable', OUTAGE, 5),
};

/** Slonik's plain errors for a connection that broke between two of its steps. */
const CLIENT_GONE = /^Client is (pending destroy|destroyed)\.$/;

const SOCKET = /^(ECONNREFUSED|ECONNRESET|EPIPE|ENOTFOUND|ETIMEDOUT|EHOSTUNREACH|EAI_AGAIN)$/;

type Caused = { code?: unknown; constraint?: unknown; detail?: unknown; cause?: unknown };

/** The DomainError behind what the database reported, or the error itself when it is a bug. */
export function translateViolation(error: unknown, violations: Violations = {}): unknown {
  if (error instanceof DomainError) {
    return error;
  }
  if (
    error instanceof ConnectionError ||
    error instanceof BackendTerminatedError ||
    (error instanceof Error && CLIENT_GONE.test(error.message))
  ) {
    return new Unavailable('database_unavailable', OUTAGE, 5, { cause: error });
  }
  if (error instanceof StatementCancelledError || error instanceof StatementTimeoutError) {
    return new Unavailable('statement_timeout', OVERDUE, 5, { cause: error });
  }
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    const { code, constraint, detail } = at as Caused;
    const known =
      (typeof constraint === 'string' && Object.hasOwn(violations, constraint)
        ? violations[constraint]
        : undefined) ?? (typeof code === 'string' ? STATES[code] : undefined);
    if (known) {
      return known(detail);
    }
    if (typeof code === 'string' && SOCKET.test(code)) {
      return new Unavailable('database_unavailable', OUTAGE, 5, { cause: error });
    }
  }
  return error;
}
