import {
  BackendTerminatedError,
  ConnectionError,
  StatementCancelledError,
  StatementTimeoutError,
} from 'slonik';

import { ApiError, DomainError, Unavailable, ValidationFailed } from '../errors.ts';
import { type Failure, failureOf, needsOperator, SQLSTATE, TENANCY_SQLSTATE } from './sqlstate.ts';

const OUTAGE = 'The database is unavailable. Try again shortly.';
const OVERDUE = 'The database timed out. Request less data, or try again shortly.';

/** Constraint name to a function that creates an app's API error. */
export type Violations = Readonly<Record<string, () => ApiError>>;

/**
 * Creates the error of a tenant in maintenance, for the directory and the entry. `retryAfter` is in
 * seconds.
 */
export const inMaintenance = (retryAfter: number): Unavailable =>
  new Unavailable('tenant_maintenance', 'This tenant is in maintenance. Try again later.', retryAfter);

/** Creates the error of a limit of the tenant's plan. Without a table, it is that of storage. */
const limitReached = (limit: string, table: string | undefined): ApiError =>
  new ApiError(
    'limit_reached',
    table === undefined
      ? `This workspace uses all of its ${limit} MiB of storage. Delete data, or choose a larger plan.`
      : `This workspace has reached its limit of ${limit} ${table.replaceAll('_', ' ')}. Delete some, or choose a larger plan.`,
  );

const STATES: Readonly<Record<string, (fields: Partial<DatabaseFields>) => ApiError>> = {
  [TENANCY_SQLSTATE.NO_SUCH_TENANT]: () => new ApiError('tenant_not_found', 'No such tenant.'),
  // The detail of enter() is the number of seconds that the operator set.
  [TENANCY_SQLSTATE.IN_MAINTENANCE]: ({ detail }) => inMaintenance(Number(detail) || 60),
  [TENANCY_SQLSTATE.LOCKED]: () =>
    new Unavailable('tenant_busy', 'This tenant is being changed. Try again shortly.', 2),
  [TENANCY_SQLSTATE.IN_OTHER_DATABASE]: () =>
    new Unavailable('tenant_busy', 'This tenant is being moved. Try again shortly.', 1),
  [TENANCY_SQLSTATE.LIMIT_REACHED]: ({ detail = '', table }) => limitReached(detail, table),
  [TENANCY_SQLSTATE.TOO_MANY_AUDIT_EVENTS]: () =>
    new Unavailable('throttled', 'Too many changes. Try again in a minute.', 60),
};

const FAILURES: Readonly<Record<Failure, (cause: unknown) => ApiError>> = {
  unavailable: (cause) => new Unavailable('database_unavailable', OUTAGE, 5, { cause }),
  read_only: (cause) =>
    new Unavailable(
      'database_unavailable',
      'The database is read-only at the moment. Try again shortly.',
      5,
      {
        cause,
      },
    ),
  storage_full: (cause) =>
    new Unavailable('storage_full', 'The database is out of disk space. Try again later.', 60, { cause }),
  busy: (cause) =>
    new Unavailable('tenant_busy', 'This request conflicted with another change. Try again.', 1, { cause }),
  timeout: (cause) => new Unavailable('statement_timeout', OVERDUE, 5, { cause }),
  too_large: (cause) =>
    new ApiError(
      'response_too_large',
      "This request exceeds the database's limit of temporary space. Request less data at a time.",
      { cause },
    ),
  bad_text: (cause) =>
    new ApiError('parse_error', 'The request contains a character that cannot be stored.', { cause }),
};

/** Slonik's plain errors for a connection that broke between two of its steps. */
const CLIENT_GONE = /^Client is (pending destroy|destroyed)\.$/;

const SOCKET = /^(ECONNREFUSED|ECONNRESET|EPIPE|ENOTFOUND|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN)$/;

/** The fields of PostgreSQL's error message that name things. */
export type DatabaseFields = Readonly<{
  code: string;
  message: string;
  schema?: string;
  table?: string;
  column?: string;
  constraint?: string;
  detail?: string;
  routine?: string;
  /** Position of a mistake in the statement, in characters from 1. */
  position?: string;
}>;

/** Yields the error and its causes, outermost first. */
function* causesOf(error: unknown): Generator<Error> {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 6; at = at.cause, depth += 1) {
    yield at;
  }
}

/** Returns the fields of PostgreSQL's error, which other errors may wrap; null if there is none. */
export function databaseFields(error: unknown): DatabaseFields | null {
  for (const at of causesOf(error)) {
    const { code } = at as { code?: unknown };
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && 'severity' in at) {
      return at as unknown as DatabaseFields;
    }
  }
  return null;
}

/** Whether an error is an outage that an operator must end. */
export const isForOperator = (error: unknown): boolean => {
  const fields = databaseFields(error);
  return fields !== null && needsOperator(fields.code);
};

/** Whether a statement tried to write where writes are not possible. */
export const isReadOnlyViolation = (error: unknown): boolean =>
  databaseFields(error)?.code === SQLSTATE.READ_ONLY_SQL_TRANSACTION;

/**
 * Returns the expected error for an error of the database, or the error itself if it is a bug.
 *
 * `violations` are the constraints that apps refine. Other violations are returned unchanged: see
 * `defaultViolation`.
 */
export function translateViolation(error: unknown, violations: Violations = {}): unknown {
  if (error instanceof DomainError) {
    return error;
  }
  const fields = databaseFields(error);
  const { constraint = '', code = '' } = fields ?? {};
  if (Object.hasOwn(violations, constraint)) {
    return violations[constraint]?.();
  }
  if (Object.hasOwn(STATES, code)) {
    return STATES[code]?.(fields ?? {});
  }
  const failure = failureOf(code);
  if (failure) {
    return FAILURES[failure](error);
  }
  if (
    error instanceof ConnectionError ||
    error instanceof BackendTerminatedError ||
    (error instanceof Error && CLIENT_GONE.test(error.message))
  ) {
    return FAILURES.unavailable(error);
  }
  if (error instanceof StatementCancelledError || error instanceof StatementTimeoutError) {
    return FAILURES.timeout(error);
  }
  for (const at of causesOf(error)) {
    const { code: socketCode } = at as { code?: unknown };
    if (typeof socketCode === 'string' && SOCKET.test(socketCode)) {
      return FAILURES.unavailable(error);
    }
  }
  return error;
}

const KINDS: Readonly<Record<string, Violation['kind']>> = {
  [SQLSTATE.RESTRICT_VIOLATION]: 'referenced',
  [SQLSTATE.NOT_NULL_VIOLATION]: 'not_null',
  [SQLSTATE.FOREIGN_KEY_VIOLATION]: 'foreign_key',
  [SQLSTATE.UNIQUE_VIOLATION]: 'unique',
  [SQLSTATE.CHECK_VIOLATION]: 'check',
  [SQLSTATE.EXCLUSION_VIOLATION]: 'exclusion',
};

/** A constraint that a statement violated. */
export type Violation = Readonly<{
  /** `referenced`: the statement would delete or change a row that other rows refer to. */
  kind: 'unique' | 'foreign_key' | 'referenced' | 'not_null' | 'check' | 'exclusion';
  schema: string;
  table: string;
  constraint: string;
  /** Reported for `not_null` only. */
  column: string | null;
}>;

/** Returns the constraint that a statement violated; null for other errors. */
export function violationOf(error: unknown): Violation | null {
  const fields = databaseFields(error);
  const kind = fields ? KINDS[fields.code] : undefined;
  if (!fields || !kind) {
    return null;
  }
  const { schema = '', table = '', constraint = '', column = null, message } = fields;
  return {
    // Both directions have one SQLSTATE and the same fields. PostgreSQL 18 has a separate SQLSTATE for
    // RESTRICT.
    kind: kind === 'foreign_key' && /^update or delete on table /.test(message) ? 'referenced' : kind,
    schema,
    table,
    constraint,
    column,
  };
}

const shown = (value: unknown): string | null =>
  typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, 100) : null;

/**
 * Returns the API error of a violation that no app refines, with Django REST Framework's messages.
 *
 * @param columns of the constraint; empty when unknown
 * @param body the client's request: a field has the name of its column, with or without `_id`
 */
export function defaultViolation(
  { kind, column, constraint }: Violation,
  columns: readonly string[],
  body: unknown,
): ApiError {
  const sent = typeof body === 'object' && body !== null ? (body as Readonly<Record<string, unknown>>) : {};
  const fieldOf = (name: string): string => {
    const short = name.replace(/_id$/, '');
    return !Object.hasOwn(sent, name) && Object.hasOwn(sent, short) ? short : name;
  };
  const [only, ...others] = columns.map(fieldOf);
  const field = only === undefined || others.length > 0 ? 'non_field_errors' : only;
  switch (kind) {
    case 'unique':
      return new ValidationFailed({
        [field]: [
          others.length > 0
            ? `The fields ${[only, ...others].join(', ')} must make a unique set.`
            : 'This field must be unique.',
        ],
      });
    case 'foreign_key': {
      const value = Object.hasOwn(sent, field) ? shown(sent[field]) : null;
      return new ValidationFailed({
        [field]: [
          value === null ? 'Object does not exist.' : `Invalid pk "${value}" - object does not exist.`,
        ],
      });
    }
    case 'referenced':
      return new ValidationFailed({
        non_field_errors: ['This object cannot be deleted or changed, because other objects refer to it.'],
      });
    case 'not_null':
      return new ValidationFailed({
        [column === null ? 'non_field_errors' : fieldOf(column)]: ['This field may not be null.'],
      });
    case 'check':
      return new ValidationFailed({ non_field_errors: [`Constraint “${constraint}” is violated.`] });
    case 'exclusion':
      return new ApiError('conflict', 'This conflicts with another object.');
  }
}
