/**
 * Errors that the service expects and explains: code to HTTP status.
 *
 * Status 500 is a fault of a handler: it is logged as a bug, and the client receives only `Internal
 * error.`, as for an error without a code. Codes are stable and public: docs/errors.md lists them, and
 * they are never renamed.
 */
export const API_ERRORS = {
  authentication_failed: 401,
  bad_authorization_header: 401,
  conflict: 409,
  database_unavailable: 503,
  etag_mismatch: 412,
  export_timeout: 503,
  host_malformed: 400,
  https_required: 403,
  idempotency_key_in_progress: 409,
  idempotency_key_invalid: 400,
  idempotency_key_reused: 409,
  idempotency_response_not_stored: 409,
  if_match_required: 428,
  limit_reached: 403,
  method_not_allowed: 405,
  no_active_account: 401,
  not_acceptable: 406,
  not_authenticated: 401,
  not_found: 404,
  outcome_unknown: 504,
  overloaded: 503,
  parse_error: 400,
  password_changed: 401,
  payload_too_large: 413,
  payment_required: 402,
  permission_denied: 403,
  response_too_large: 413,
  signature_invalid: 400,
  statement_refused: 500,
  statement_timeout: 503,
  storage_full: 503,
  tenant_busy: 503,
  tenant_maintenance: 503,
  tenant_migrating: 503,
  tenant_not_found: 404,
  throttled: 429,
  token_not_valid: 401,
  transaction_aborted: 500,
  unsupported_media_type: 415,
  user_inactive: 401,
  user_not_found: 401,
  validation_failed: 400,
} as const;

/**
 * Errors of the command line and of the start, for an operator: code to exit code. 2: a wrong option or
 * configuration. A client never receives them: in a request, such an error is a bug.
 */
export const OPERATOR_ERRORS = {
  command_failed: 1,
  configuration_invalid: 2,
  domain_invalid: 2,
  domain_not_found: 1,
  domain_not_verified: 1,
  domain_taken: 1,
  dump_invalid: 1,
  file_refused: 1,
  fixture_invalid: 1,
  migration_failed: 1,
  migration_invalid: 1,
  migration_pending: 1,
  operation_forged: 1,
  operation_interrupted: 1,
  payment_conflict: 1,
  precondition_failed: 1,
  project_invalid: 1,
  schema_name_invalid: 2,
  schema_name_taken: 1,
  tenant_status_wrong: 1,
  usage_invalid: 2,
  user_exists: 1,
} as const;

export type ApiErrorCode = keyof typeof API_ERRORS;
export type OperatorErrorCode = keyof typeof OPERATOR_ERRORS;
export type ErrorCode = ApiErrorCode | OperatorErrorCode;

/** An expected error. The message is one sentence for the reader, with the solution. */
export abstract class DomainError extends Error {
  abstract readonly code: ErrorCode;
  /** Exit code of a command that ends with the error. */
  abstract readonly exitCode: number;
}

/** An expected error that a client receives. An operator may receive it too, from a command. */
export class ApiError extends DomainError {
  override readonly name: string = 'ApiError';
  override readonly exitCode = 1;
  readonly code: ApiErrorCode;

  constructor(code: ApiErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  get status(): number {
    return API_ERRORS[this.code];
  }
}

/** An expected error for an operator. */
export class OperatorError extends DomainError {
  override readonly name: string = 'OperatorError';
  readonly code: OperatorErrorCode;

  constructor(code: OperatorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  get exitCode(): number {
    return OPERATOR_ERRORS[this.code];
  }
}

/** Messages by field name. `non_field_errors` is for the whole body. */
export type FieldErrors = Readonly<Record<string, readonly string[]>>;

/** Input that violates its schema, by field. */
export class ValidationFailed extends ApiError {
  override readonly name = 'ValidationFailed';
  readonly fields: FieldErrors;

  constructor(fields: FieldErrors, options?: ErrorOptions) {
    super(
      'validation_failed',
      Object.entries(fields)
        .map(([field, messages]) => `${field}: ${messages.join(' ')}`)
        .join('; '),
      options,
    );
    this.fields = fields;
  }
}

/** A temporary error. The client may retry after `retryAfter` seconds. */
export class Unavailable extends ApiError {
  override readonly name = 'Unavailable';
  readonly retryAfter: number;

  constructor(
    code:
      | 'database_unavailable'
      | 'overloaded'
      | 'statement_timeout'
      | 'storage_full'
      | 'tenant_busy'
      | 'tenant_maintenance'
      | 'tenant_migrating'
      | 'throttled',
    message: string,
    retryAfter: number,
    options?: ErrorOptions,
  ) {
    super(code, message, options);
    this.retryAfter = retryAfter;
  }
}
