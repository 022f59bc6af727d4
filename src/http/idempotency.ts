import { createHash } from 'node:crypto';
import { z } from 'zod';

import { ApiError, Unavailable } from '../errors.ts';
import type { TenantTransaction } from '../tenancy/context/with-tenant.ts';
import type { ResolvedTenant } from '../tenancy/registry/tenant.ts';
import { callerOf } from './authentication.ts';
import { FormBody } from './body/form-body.ts';
import { operation, operationOf, withHeaders } from './openapi/description.ts';
import { runSingleIn } from './single.ts';
import type { Context, Handler } from './state.ts';

/** The response of a request that succeeded. `status` null: it was too large to be stored. */
export type StoredResponse = Readonly<{
  status: number | null;
  headers: Readonly<Record<string, string>>;
  body: string | null;
}>;

/** A key of one user of one tenant. */
export type IdempotencyKey = Readonly<{ tenant: ResolvedTenant; userId: string; key: string }>;

/**
 * The result of a claim. `new`: the request must run. `completed`: it has run. `mismatch`: the key belongs to another
 * request. `in_progress`: the first request has not ended. `too_many`: the user has too many keys.
 */
export type Claim =
  | Readonly<{ outcome: 'new' | 'mismatch' | 'in_progress' | 'too_many' }>
  | Readonly<{ outcome: 'completed'; response: StoredResponse }>;

/** Stores keys and responses in the tenant. An app provides it: `defineApp({ idempotency })`. */
export type IdempotencyStore = Readonly<{
  /**
   * Reserves the key until the transaction ends. Never waits for the transaction of another request.
   *
   * @param fingerprint a digest of the request
   */
  claim: (tx: TenantTransaction, key: IdempotencyKey & Readonly<{ fingerprint: Buffer }>) => Promise<Claim>;
  /** Stores the response of a key that the transaction has reserved. */
  complete: (tx: TenantTransaction, key: IdempotencyKey, response: StoredResponse) => Promise<void>;
}>;

/** Maximum characters of a key. */
const MAX_KEY = 255;

/** Headers of a response that are stored with it. Others, such as RateLimit-Remaining, belong to one request. */
const STORED_HEADERS = ['Content-Type', 'ETag', 'Location'] as const;

/** A string of RFC 9651, which the draft requires, or a bare key, which many clients send. */
const QUOTED = /^"((?:[ !#-[\]-~]|\\["\\])*)"$/;
const BARE = /^[!#-+\--:<-~]+$/;

/** The header in OpenAPI documents. */
export const IDEMPOTENCY_HEADERS = {
  'Idempotency-Key': z
    .string()
    .max(MAX_KEY)
    .optional()
    .describe('A key of the client for this request. A repeated request gets the response of the first one.'),
};
const ERRORS = ['idempotency_key_invalid', 'idempotency_key_reused', 'idempotency_key_in_progress'] as const;

/** Whether a request has the header. */
export const hasIdempotencyKey = (ctx: Pick<Context, 'get'>): boolean => ctx.get('Idempotency-Key') !== '';

/**
 * Returns the key of a request that has one.
 *
 * @throws ApiError `idempotency_key_invalid`
 */
export function readIdempotencyKey(ctx: Pick<Context, 'get'>): string {
  const header = ctx.get('Idempotency-Key').trim();
  const key = QUOTED.exec(header)?.[1]?.replaceAll(/\\(.)/g, '$1') ?? BARE.exec(header)?.[0] ?? '';
  if (key.length < 1 || key.length > MAX_KEY) {
    throw new ApiError(
      'idempotency_key_invalid',
      `Idempotency-Key must have 1 to ${MAX_KEY} visible ASCII characters, such as a UUID.`,
    );
  }
  return key;
}

/** @throws the error of the body itself */
function fingerprintOf(ctx: Context): Buffer {
  const body = ctx.state.body();
  // The boundary of a multipart body differs in every attempt.
  const content = JSON.stringify(body instanceof FormBody ? [...body.fields] : body);
  return createHash('sha256')
    .update(JSON.stringify([ctx.method, ctx.path, ctx.querystring]))
    .update(content)
    .digest();
}

function capture(ctx: Context): StoredResponse {
  const { body, status } = ctx;
  const names = STORED_HEADERS.filter((name) => ctx.response.get(name) !== '');
  const headers = Object.fromEntries(names.map((name) => [name, String(ctx.response.get(name))]));
  if (Buffer.isBuffer(body) || typeof (body as { pipe?: unknown } | null)?.pipe === 'function') {
    throw new TypeError('A route with Idempotency-Key must respond with JSON or text.');
  }
  const text = body === null || body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  return { status, headers, body: text ?? null };
}

function replay(ctx: Context, { status, headers, body }: StoredResponse): void {
  if (status === null) {
    throw new ApiError(
      'idempotency_response_not_stored',
      'The request with this Idempotency-Key has succeeded. Its response was too large to be stored.',
    );
  }
  ctx.status = status;
  ctx.set({ ...headers, 'Idempotent-Replayed': 'true' });
  ctx.body = body;
}

/**
 * Returns a handler that runs a request with an Idempotency-Key once: a repeated request gets the response of the first
 * one, with `Idempotent-Replayed: true`. The key is stored in the transaction of the request, so a request that
 * failed has no effect and may be repeated with its key. Requests without the header run as without this function.
 */
export function idempotent(handler: Handler, store: IdempotencyStore): Handler {
  return operation(
    {
      ...operationOf(handler),
      headers: withHeaders(operationOf(handler) ?? {}, IDEMPOTENCY_HEADERS),
      errors: [...(operationOf(handler)?.errors ?? []), ...ERRORS],
    },
    async (ctx) => {
      if (!hasIdempotencyKey(ctx)) {
        return handler(ctx);
      }
      const tx: TenantTransaction | undefined = ctx.state.tx;
      if (!tx) {
        throw new TypeError('`idempotency` needs the stack "authenticated".');
      }
      const key = {
        tenant: ctx.state.tenant,
        userId: callerOf(ctx.state).userId,
        key: readIdempotencyKey(ctx),
      };
      const claim = await store.claim(tx, { ...key, fingerprint: fingerprintOf(ctx) });
      switch (claim.outcome) {
        case 'completed':
          return replay(ctx, claim.response);
        case 'mismatch':
          throw new ApiError(
            'idempotency_key_reused',
            'This Idempotency-Key was used for a request with another path or body.',
          );
        case 'in_progress':
          throw new ApiError(
            'idempotency_key_in_progress',
            'The first request with this Idempotency-Key has not ended. Repeat this one later.',
          );
        case 'too_many':
          throw new Unavailable(
            'throttled',
            'Too many requests with an Idempotency-Key. Try again later.',
            3_600,
          );
        case 'new':
          ctx.state.runSingle = runSingleIn(tx);
          await handler(ctx);
          await store.complete(tx, key, capture(ctx));
      }
    },
  );
}
