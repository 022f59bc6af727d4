import { isUtf8 } from 'node:buffer';

import { ApiError } from '../../errors.ts';
import type { AppMiddleware } from '../state.ts';

/** Returns the bytes that a URL encodes. Node reads them as Latin-1. A malformed escape stays as it is. */
const bytesOf = (url: string): Buffer =>
  Buffer.from(
    url.replaceAll(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
    'latin1',
  );

/** A byte, or an escape of one, that is not ASCII. Most URLs have none. */
const NOT_ASCII = /[\x80-\xff]|%[89a-f][0-9a-f]/i;

/**
 * Rejects a URL whose decoded bytes are not UTF-8: query parsers would replace them with U+FFFD,
 * and PostgreSQL would search for that.
 *
 * @throws ApiError `parse_error`
 */
export function requireUtf8Url(): AppMiddleware {
  return function requireUtf8Url(ctx, next) {
    const url = ctx.req.url ?? '';
    if (NOT_ASCII.test(url) && !isUtf8(bytesOf(url))) {
      throw new ApiError('parse_error', 'The URL is not UTF-8.');
    }
    return next();
  };
}
