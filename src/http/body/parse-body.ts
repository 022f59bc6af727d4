import { isUtf8 } from 'node:buffer';
import rawBody from 'raw-body';

import { ApiError } from '../../errors.ts';
import type { AppMiddleware, Context } from '../state.ts';
import { parseMultipart, parseUrlEncoded } from './parse-form.ts';
import { parseJson } from './parse-json.ts';

/** Maximum bytes of a body. */
const LIMIT = 1024 * 1024;
/**
 * Maximum bytes of a body from an unauthenticated client, and of a multipart body that is parsed before the database
 * has checked the key of its client. A password, two names and two tokens need far less.
 */
const OPEN_LIMIT = 64 * 1024;

const hasBody = (ctx: Context): boolean =>
  ctx.request.headers['transfer-encoding'] !== undefined ||
  Number(ctx.request.headers['content-length'] ?? 0) > 0;

type Kind = 'json' | 'urlencoded' | 'multipart';

/**
 * Returns the kind of the body.
 *
 * @throws ApiError `unsupported_media_type`
 */
function kindOf(ctx: Context): Kind {
  // Compressed bodies are rejected: a decoder is code that unauthenticated clients can attack.
  const coding = ctx.get('Content-Encoding').trim().toLowerCase();
  if (coding !== '' && coding !== 'identity') {
    throw new ApiError(
      'unsupported_media_type',
      `Unsupported Content-Encoding "${coding.slice(0, 100)}" in request: only "identity" is accepted.`,
    );
  }
  const kind = ctx.is('json', '+json', 'urlencoded', 'multipart');
  if (!kind) {
    const type = ctx.get('Content-Type') || 'application/octet-stream';
    throw new ApiError(
      'unsupported_media_type',
      `Unsupported media type "${type.slice(0, 100)}" in request.`,
    );
  }
  return kind === 'urlencoded' ? kind : kind.startsWith('multipart') ? 'multipart' : 'json';
}

/**
 * Returns the function that parses a body. A multipart body, which only an asynchronous parser reads, is parsed
 * first.
 */
async function parserOf(ctx: Context, kind: Kind, bytes: Buffer): Promise<() => unknown> {
  if (bytes.length === 0) {
    return () => ({});
  }
  if (kind === 'multipart') {
    const form = await parseMultipart(ctx.get('Content-Type'), bytes);
    return () => form;
  }
  return kind === 'json' ? () => parse(bytes) : () => parseUrlEncoded(textOf(bytes, 'Form'));
}

const parseError = (reason: string, what = 'JSON'): ApiError =>
  new ApiError('parse_error', `${what} parse error - ${reason.split('\n')[0]?.slice(0, 100)}`);

/** @throws ApiError `parse_error` */
function textOf(bytes: Buffer, what: string): string {
  if (!isUtf8(bytes)) {
    throw parseError('the body is not UTF-8', what);
  }
  return bytes.toString();
}

/** @throws ApiError `parse_error` */
function parse(bytes: Buffer): unknown {
  const text = textOf(bytes, 'JSON');
  try {
    return parseJson(text);
  } catch (error) {
    throw parseError((error as Error).message);
  }
}

/** @throws ApiError `payload_too_large` or `parse_error` */
async function readBytes(ctx: Context, limit: number): Promise<Buffer> {
  try {
    return await rawBody(ctx.req, { limit, length: ctx.request.headers['content-length'] ?? null });
  } catch (error) {
    // The client left or was too slow. A partial body is not processed.
    if (!ctx.req.complete && ctx.req.destroyed) {
      throw error;
    }
    const { status, message } = error as Error & { status?: number };
    throw status === 413
      ? new ApiError(
          'payload_too_large',
          `The request body is larger than ${limit === LIMIT ? '1 MiB' : `${limit / 1024} KiB`}.`,
        )
      : parseError(message);
  }
}

const once = (parseNow: () => unknown): (() => unknown) => {
  let outcome: { value: unknown } | { fault: unknown } | undefined;
  return () => {
    if (!outcome) {
      try {
        outcome = { value: parseNow() };
      } catch (fault) {
        outcome = { fault };
      }
    }
    if ('fault' in outcome) {
      throw outcome.fault;
    }
    return outcome.value;
  };
};

const noBody = (): unknown => ({});

/**
 * Reads the body before a transaction is opened, so that a slow client holds no connection. Errors
 * in the body are thrown by `readBody` only: an unauthenticated client gets 401 first.
 *
 * `open`: the route accepts requests without credentials. Their bodies are limited to 64 KiB.
 * Elsewhere, a large body of a client whose credentials the database has not checked yet is parsed
 * by `readBody`, after that check. A multipart body, which is parsed here, is limited to 64 KiB then.
 */
export function parseBody({ open = false }: { open?: boolean } = {}): AppMiddleware {
  const read = async (ctx: Context): Promise<void> => {
    const isKnown = ctx.state.caller !== undefined;
    try {
      const kind = kindOf(ctx);
      const isParsedUnknown = !isKnown && (open || kind === 'multipart');
      const bytes = await readBytes(ctx, isParsedUnknown ? OPEN_LIMIT : LIMIT);
      ctx.state.rawBody = bytes;
      ctx.state.body = once(await parserOf(ctx, kind, bytes));
    } catch (fault) {
      if (!(fault instanceof ApiError)) {
        throw fault;
      }
      // Discards an unread body. Otherwise the next request on this connection would wait for it.
      ctx.req.resume();
      ctx.state.body = () => {
        throw fault;
      };
    }
    if (isKnown) {
      parseAhead(ctx.state.body);
    }
  };
  return function parseBody(ctx, next) {
    ctx.state.body = noBody;
    return hasBody(ctx as Context) ? read(ctx as Context).then(next) : next();
  };
}

/** Parses outside the transaction. `readBody` reports an error. */
function parseAhead(body: () => unknown): void {
  try {
    body();
  } catch {}
}
