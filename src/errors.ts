/**
 * The closed family of things this service refuses to do, and can explain.
 *
 * Every other error is a bug or an outage, and reaches a client only as
 * `Internal error.` Codes are stable and public: listed in docs/errors.md,
 * never renamed.
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

/** Something this service refuses to do. The message is one sentence for who asked, with the way out. */
export class DomainError extends Error {
  override readonly name: string = 'DomainError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Field name to what is wrong with it; `non_field_errors` for the whole. */
export type FieldErrors = Readonly<Record<string, readonly string[]>>;

/** Input that breaks a rule of its own form, by field. */
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

/** Worth trying again after `retryAfter` seconds. */
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
