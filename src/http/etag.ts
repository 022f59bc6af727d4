import { hash } from 'node:crypto';
import type { QuerySqlToken } from 'slonik';
import { z } from 'zod';

import { ApiError } from '../errors.ts';
import type { TenantTransaction } from '../tenancy/context/with-tenant.ts';
import { orNotFound } from './identifier.ts';
import { type OperationDescription, operation, operationOf, withHeaders } from './openapi/description.ts';
import { runSingleIn } from './single.ts';
import type { Context, Handler } from './state.ts';

/** How a resource compares the version of a row that a client has with the current one. */
export type EntityTags = Readonly<{
  /** Returns the query that selects and locks the row: `select … for update`. */
  current: (ctx: Context) => QuerySqlToken<z.ZodType>;
  /** Returns the body that GET has for this row. Default: the row. */
  present?: (row: never) => unknown;
  /** Whether PUT, PATCH and DELETE without If-Match are rejected. Default: false. */
  isRequired?: boolean;
}>;

/** Methods whose If-Match is checked. */
const WRITING: ReadonlySet<string> = new Set(['PUT', 'PATCH', 'DELETE']);

const LOCKS = /\bfor\s+(?:no\s+key\s+)?update\b/i;

/** Returns the strong entity tag of a body: a digest of its JSON. */
const tagOf = (text: string): string => `"${hash('sha256', text, 'base64url')}"`;

/** Whether If-Match has a tag. Weak tags never match (RFC 9110). */
function matches(header: string, tag: string): boolean {
  const listed: readonly string[] = header.match(/(?:W\/)?"[^"]*"/g) ?? [];
  return header.trim() === '*' || listed.includes(tag);
}

/** Whether a request needs the current row, and so an ordinary transaction. */
export const needsCurrentRow = (
  { isRequired = false }: Pick<EntityTags, 'isRequired'>,
  ctx: Pick<Context, 'method' | 'get'>,
): boolean => WRITING.has(ctx.method) && (isRequired || ctx.get('If-Match') !== '');

/** Sets the ETag of a response with one object, and responds 304 to a client that has it. */
function setTag(ctx: Context): void {
  const { body, status } = ctx;
  if (status !== 200 || typeof body !== 'object' || body === null) {
    return;
  }
  const text = JSON.stringify(body);
  ctx.set('ETag', tagOf(text));
  // It is not serialized again. The type stays that of the object.
  ctx.body = text;
  // Koa's `fresh` copies all headers of the response, also for a request without a condition.
  if (ctx.req.headers['if-none-match'] !== undefined && ctx.fresh) {
    ctx.status = 304;
  }
}

/** @throws ApiError `etag_mismatch`, `if_match_required` or `not_found` */
async function assertMatch(ctx: Context, { current, present }: EntityTags): Promise<void> {
  const tx: TenantTransaction | undefined = ctx.state.tx;
  if (!tx) {
    throw new TypeError('`etag` needs the stack "authenticated".');
  }
  const header = ctx.get('If-Match');
  if (header === '') {
    throw new ApiError('if_match_required', 'Send the ETag of the object in If-Match.');
  }
  const query = current(ctx);
  if (!LOCKS.test(query.sql)) {
    throw new TypeError(
      'The query of `etag` must end with "for update": otherwise the row may change in between.',
    );
  }
  const row = orNotFound(await tx.maybeOne(query));
  if (!matches(header, tagOf(JSON.stringify(present ? present(row as never) : row)))) {
    throw new ApiError('etag_mismatch', 'The object was changed since you read it. Read it again.');
  }
  ctx.state.runSingle = runSingleIn(tx);
}

const tagHeader = (description: string): z.ZodType => z.string().optional().describe(description);

function describe(
  handler: Handler,
  method: string,
  { isRequired = false }: EntityTags,
): OperationDescription {
  const described = operationOf(handler);
  const isReading = method === 'GET';
  return {
    ...described,
    headers: withHeaders(
      described ?? {},
      isReading
        ? { 'If-None-Match': tagHeader('The ETag of the object that the client has.') }
        : { 'If-Match': tagHeader('The ETag of the object that the client has read.') },
    ),
    ...(isReading && typeof described?.responses !== 'function'
      ? { responses: { ...described?.responses, 304: { description: 'The client has the current object.' } } }
      : {}),
    errors: [
      ...(described?.errors ?? []),
      ...(isReading ? [] : (['etag_mismatch'] as const)),
      ...(!isReading && isRequired ? (['if_match_required'] as const) : []),
    ],
  };
}

/**
 * Returns a handler whose responses have an ETag. GET with If-None-Match may be 304. PUT, PATCH and DELETE with If-Match
 * are 412 when the row has changed: the row is locked, compared and changed in one transaction.
 */
export const tagged = (handler: Handler, method: string, tags: EntityTags): Handler =>
  operation(describe(handler, method, tags), async (ctx) => {
    if (needsCurrentRow(tags, ctx)) {
      await assertMatch(ctx, tags);
    }
    await handler(ctx);
    setTag(ctx);
  });
