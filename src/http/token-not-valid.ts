import { ApiError } from '../errors.ts';

export type TokenFault =
  | 'Token is invalid'
  | 'Token is expired'
  | 'Token has wrong type'
  | 'Token is blacklisted';

/** A token of the Authorization header that is rejected, with the reason in SimpleJWT's format. */
export class TokenNotValid extends ApiError {
  override readonly name = 'TokenNotValid';
  readonly reason: TokenFault;

  constructor(reason: TokenFault, options?: ErrorOptions) {
    super('token_not_valid', 'Given token not valid for any token type', options);
    this.reason = reason;
  }
}
