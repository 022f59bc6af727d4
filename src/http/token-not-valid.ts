import { DomainError } from '../errors.ts';

/** A token that was read and refused, with the reason in the shape that SimpleJWT gives it. */
export class TokenNotValid extends DomainError {
  override readonly name = 'TokenNotValid';
  readonly reason: string;

  constructor(
    reason: 'Token is invalid' | 'Token is expired' | 'Token has wrong type',
    options?: ErrorOptions,
  ) {
    super('token_not_valid', 'Given token not valid for any token type', options);
    this.reason = reason;
  }
}
