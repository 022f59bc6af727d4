/**
 * SQLSTATEs that this code distinguishes, by PostgreSQL's condition names (appendix A of its
 * documentation). A test compares them with PostgreSQL's own list, so that a code of a new release is
 * classified deliberately.
 */
export const SQLSTATE = {
  CONNECTION_EXCEPTION: '08000',
  SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION: '08001',
  CONNECTION_DOES_NOT_EXIST: '08003',
  SQLSERVER_REJECTED_ESTABLISHMENT_OF_SQLCONNECTION: '08004',
  CONNECTION_FAILURE: '08006',
  TRANSACTION_RESOLUTION_UNKNOWN: '08007',
  // PgBouncer reports its own timeouts with it.
  PROTOCOL_VIOLATION: '08P01',
  FEATURE_NOT_SUPPORTED: '0A000',
  CHARACTER_NOT_IN_REPERTOIRE: '22021',
  INVALID_TEXT_REPRESENTATION: '22P02',
  UNTRANSLATABLE_CHARACTER: '22P05',
  RESTRICT_VIOLATION: '23001',
  NOT_NULL_VIOLATION: '23502',
  FOREIGN_KEY_VIOLATION: '23503',
  UNIQUE_VIOLATION: '23505',
  CHECK_VIOLATION: '23514',
  EXCLUSION_VIOLATION: '23P01',
  READ_ONLY_SQL_TRANSACTION: '25006',
  IDLE_IN_TRANSACTION_SESSION_TIMEOUT: '25P03',
  TRANSACTION_TIMEOUT: '25P04',
  INVALID_SQL_STATEMENT_NAME: '26000',
  INVALID_AUTHORIZATION_SPECIFICATION: '28000',
  INVALID_PASSWORD: '28P01',
  DEPENDENT_OBJECTS_STILL_EXIST: '2BP01',
  PROHIBITED_SQL_STATEMENT_ATTEMPTED: '2F003',
  INVALID_CATALOG_NAME: '3D000',
  INVALID_SCHEMA_NAME: '3F000',
  TRANSACTION_ROLLBACK: '40000',
  SERIALIZATION_FAILURE: '40001',
  STATEMENT_COMPLETION_UNKNOWN: '40003',
  DEADLOCK_DETECTED: '40P01',
  INSUFFICIENT_PRIVILEGE: '42501',
  SYNTAX_ERROR: '42601',
  INVALID_NAME: '42602',
  UNDEFINED_COLUMN: '42703',
  UNDEFINED_OBJECT: '42704',
  AMBIGUOUS_FUNCTION: '42725',
  UNDEFINED_FUNCTION: '42883',
  UNDEFINED_TABLE: '42P01',
  DUPLICATE_SCHEMA: '42P06',
  INVALID_FUNCTION_DEFINITION: '42P13',
  INSUFFICIENT_RESOURCES: '53000',
  DISK_FULL: '53100',
  OUT_OF_MEMORY: '53200',
  TOO_MANY_CONNECTIONS: '53300',
  CONFIGURATION_LIMIT_EXCEEDED: '53400',
  OBJECT_IN_USE: '55006',
  LOCK_NOT_AVAILABLE: '55P03',
  UNSAFE_NEW_ENUM_VALUE_USAGE: '55P04',
  OPERATOR_INTERVENTION: '57000',
  QUERY_CANCELED: '57014',
  ADMIN_SHUTDOWN: '57P01',
  CRASH_SHUTDOWN: '57P02',
  CANNOT_CONNECT_NOW: '57P03',
  DATABASE_DROPPED: '57P04',
  IDLE_SESSION_TIMEOUT: '57P05',
  SYSTEM_ERROR: '58000',
  IO_ERROR: '58030',
  UNDEFINED_FILE: '58P01',
  DUPLICATE_FILE: '58P02',
  FILE_NAME_TOO_LONG: '58P03',
  SNAPSHOT_TOO_OLD: '72000',
  CONFIG_FILE_ERROR: 'F0000',
  LOCK_FILE_EXISTS: 'F0001',
  INTERNAL_ERROR: 'XX000',
} as const;

/** SQLSTATEs of the engine's own functions in sql/shared/functions/: see docs/errors.md. */
export const TENANCY_SQLSTATE = {
  NO_SUCH_TENANT: 'KT001',
  PROOF_REJECTED: 'KT002',
  IN_MAINTENANCE: 'KT003',
  LOCKED: 'KT004',
  IN_OTHER_DATABASE: 'KT005',
  /** A guard of a single-statement route rejected. The message is a code. */
  GUARD_REJECTED: 'KT006',
  /** A limit of rows or storage of the tenant. The detail is the limit. */
  LIMIT_REACHED: 'KT007',
  /** The transaction has entered another tenant already. */
  OTHER_TENANT_ENTERED: 'KT008',
  TOO_MANY_AUDIT_EVENTS: 'KT009',
  AUDIT_EVENT_TOO_LONG: 'KT010',
  TOO_MANY_KINDS_OF_WORK: 'KT011',
} as const;

type SqlState =
  | (typeof SQLSTATE)[keyof typeof SQLSTATE]
  | (typeof TENANCY_SQLSTATE)[keyof typeof TENANCY_SQLSTATE];

/** Whether an error has one of the SQLSTATEs. Does not look at its causes. */
export const hasSqlState = (error: unknown, ...states: readonly SqlState[]): boolean =>
  (states as readonly unknown[]).includes((error as { code?: unknown } | null | undefined)?.code);

/**
 * The meaning of a PostgreSQL failure for a client.
 *
 * - `unavailable`: the database cannot be reached or does not accept connections now
 * - `read_only`: it rejects writes now, as a standby or a full disk does
 * - `storage_full`: its disk is full
 * - `busy`: a conflict with a concurrent transaction
 * - `timeout`: the statement was cancelled
 * - `too_large`: the statement exceeds a limit of a resource
 * - `bad_text`: a text of the client cannot be stored
 */
export type Failure =
  | 'unavailable'
  | 'read_only'
  | 'storage_full'
  | 'busy'
  | 'timeout'
  | 'too_large'
  | 'bad_text';

const FAILURES: Readonly<Record<Failure, readonly string[]>> = {
  unavailable: [
    SQLSTATE.CONNECTION_EXCEPTION,
    SQLSTATE.SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION,
    SQLSTATE.CONNECTION_DOES_NOT_EXIST,
    SQLSTATE.SQLSERVER_REJECTED_ESTABLISHMENT_OF_SQLCONNECTION,
    SQLSTATE.CONNECTION_FAILURE,
    SQLSTATE.TRANSACTION_RESOLUTION_UNKNOWN,
    SQLSTATE.PROTOCOL_VIOLATION,
    SQLSTATE.IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    SQLSTATE.INVALID_AUTHORIZATION_SPECIFICATION,
    SQLSTATE.INVALID_PASSWORD,
    SQLSTATE.INVALID_CATALOG_NAME,
    SQLSTATE.STATEMENT_COMPLETION_UNKNOWN,
    SQLSTATE.INSUFFICIENT_RESOURCES,
    SQLSTATE.OUT_OF_MEMORY,
    SQLSTATE.TOO_MANY_CONNECTIONS,
    SQLSTATE.OPERATOR_INTERVENTION,
    SQLSTATE.ADMIN_SHUTDOWN,
    SQLSTATE.CRASH_SHUTDOWN,
    SQLSTATE.CANNOT_CONNECT_NOW,
    SQLSTATE.DATABASE_DROPPED,
    SQLSTATE.IDLE_SESSION_TIMEOUT,
    SQLSTATE.SYSTEM_ERROR,
    SQLSTATE.IO_ERROR,
    SQLSTATE.UNDEFINED_FILE,
    SQLSTATE.DUPLICATE_FILE,
    SQLSTATE.FILE_NAME_TOO_LONG,
    SQLSTATE.CONFIG_FILE_ERROR,
    SQLSTATE.LOCK_FILE_EXISTS,
  ],
  read_only: [SQLSTATE.READ_ONLY_SQL_TRANSACTION],
  storage_full: [SQLSTATE.DISK_FULL],
  busy: [
    SQLSTATE.TRANSACTION_ROLLBACK,
    SQLSTATE.SERIALIZATION_FAILURE,
    SQLSTATE.DEADLOCK_DETECTED,
    SQLSTATE.OBJECT_IN_USE,
    SQLSTATE.LOCK_NOT_AVAILABLE,
    SQLSTATE.SNAPSHOT_TOO_OLD,
  ],
  timeout: [SQLSTATE.QUERY_CANCELED, SQLSTATE.TRANSACTION_TIMEOUT],
  too_large: [SQLSTATE.CONFIGURATION_LIMIT_EXCEEDED],
  bad_text: [SQLSTATE.CHARACTER_NOT_IN_REPERTOIRE, SQLSTATE.UNTRANSLATABLE_CHARACTER],
};

const FAILURE_OF: ReadonlyMap<string, Failure> = new Map(
  Object.entries(FAILURES).flatMap(([failure, codes]) => codes.map((code) => [code, failure as Failure])),
);

/** Returns the meaning of a SQLSTATE for a client; null for a bug, a violation or one of the engine's own. */
export const failureOf = (code: string): Failure | null => FAILURE_OF.get(code) ?? null;

/** Outages that an operator must end. They are logged like bugs. */
const FOR_OPERATOR: ReadonlySet<string> = new Set([
  SQLSTATE.INVALID_AUTHORIZATION_SPECIFICATION,
  SQLSTATE.INVALID_PASSWORD,
  SQLSTATE.INVALID_CATALOG_NAME,
  SQLSTATE.DISK_FULL,
  SQLSTATE.OUT_OF_MEMORY,
  SQLSTATE.DATABASE_DROPPED,
  SQLSTATE.SYSTEM_ERROR,
  SQLSTATE.IO_ERROR,
  SQLSTATE.UNDEFINED_FILE,
  SQLSTATE.DUPLICATE_FILE,
  SQLSTATE.FILE_NAME_TOO_LONG,
]);

export const needsOperator = (code: string): boolean => FOR_OPERATOR.has(code);
