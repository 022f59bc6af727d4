/**
 * Codes of the errors that the service expects and explains.
 *
 * Every other error is a bug or an outage, and a client receives only `Internal error.` Codes are
 * stable and public: docs/errors.md lists them, and they are never renamed.
 */
export type ErrorCode =
  | 'authentication_failed'
  | 'bad_authorization_header'
  | 'command_failed'
  | 'conflict'
  | 'configuration_invalid'
  | 'database_unavailable'
  | 'domain_invalid'
  | 'domain_not_found'
  | 'domain_not_verified'
  | 'domain_taken'
  | 'fixture_invalid'
  | 'dump_invalid'
  | 'file_refused'
  | 'host_malformed'
  | 'https_required'
  | 'method_not_allowed'
  | 'migration_failed'
  | 'migration_pending'
  | 'no_active_account'
  | 'not_acceptable'
  | 'not_authenticated'
  | 'not_found'
  | 'outcome_unknown'
  | 'overloaded'
  | 'parse_error'
  | 'password_changed'
  | 'payload_too_large'
  | 'payment_required'
  | 'permission_denied'
  | 'precondition_failed'
  | 'response_too_large'
  | 'schema_name_invalid'
  | 'schema_name_taken'
  | 'statement_refused'
  | 'statement_timeout'
  | 'storage_full'
  | 'tenant_busy'
  | 'tenant_maintenance'
  | 'tenant_migrating'
  | 'tenant_not_found'
  | 'tenant_status_wrong'
  | 'throttled'
  | 'token_not_valid'
  | 'transaction_aborted'
  | 'unsupported_media_type'
  | 'user_exists'
  | 'user_inactive'
  | 'user_not_found'
  | 'usage_invalid'
  | 'validation_failed';

/** An expected error. The message is one sentence for the caller, with the solution. */
export class DomainError extends Error {
  override readonly name: string = 'DomainError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Messages by field name. `non_field_errors` is for the whole body. */
export type FieldErrors = Readonly<Record<string, readonly string[]>>;

/** Input that violates its schema, by field. */
export class ValidationFailed extends DomainError {
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
export class Unavailable extends DomainError {
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
