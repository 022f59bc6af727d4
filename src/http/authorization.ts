import { isUtf8 } from 'node:buffer';

import { ApiError } from '../errors.ts';
import type { Context } from './state.ts';
import { TokenNotValid } from './token-not-valid.ts';

/** Maximum characters of a token or a key. Issued ones have a few hundred. */
const MAX_LENGTH = 4_096;

/** The content of an Authorization header: an access token, or a key of /token/login/. */
export type Credentials = Readonly<{ scheme: 'bearer' | 'token'; value: string }>;

/**
 * Reads the header as SimpleJWT and Django REST Framework do. Returns null for other schemes.
 *
 * @throws ApiError `bad_authorization_header` or `authentication_failed` for a malformed header
 */
export function readAuthorization(ctx: Pick<Context, 'get'>): Credentials | null {
  const [name = '', value, ...rest] = ctx.get('Authorization').trim().split(/\s+/);
  const scheme = name.toLowerCase();
  if (scheme === 'bearer') {
    if (!value || rest.length > 0) {
      throw new ApiError(
        'bad_authorization_header',
        'Authorization header must contain two space-delimited values',
      );
    }
    if (value.length > MAX_LENGTH) {
      throw new TokenNotValid('Token is invalid');
    }
    return { scheme, value };
  }
  if (scheme === 'token') {
    if (!value) {
      throw new ApiError('authentication_failed', 'Invalid token header. No credentials provided.');
    }
    if (rest.length > 0) {
      throw new ApiError(
        'authentication_failed',
        'Invalid token header. Token string should not contain spaces.',
      );
    }
    if (value.length > MAX_LENGTH) {
      throw new ApiError('authentication_failed', 'Invalid token.');
    }
    // Node reads headers as Latin-1.
    if (!isUtf8(Buffer.from(value, 'latin1'))) {
      throw new ApiError(
        'authentication_failed',
        'Invalid token header. Token string should not contain invalid characters.',
      );
    }
    return { scheme, value };
  }
  return null;
}
