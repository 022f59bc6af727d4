import type { z } from 'zod';

import type { ApiErrorCode } from '../../errors.ts';
import type { List, PageContext } from '../lists/list.ts';
import type { AppMiddleware, Handler } from '../state.ts';

/** A value, or a function of the tenant's settings that returns it. */
export type BySettings<Value, Settings> = Value | ((settings: Settings) => Value);

/** Returns a value for the settings of a tenant. */
export const resolveBySettings = <Value>(
  value: BySettings<Value, never> | undefined,
  settings: unknown,
): Value | undefined =>
  typeof value === 'function' ? (value as (settings: unknown) => Value)(settings) : value;

/** A response in place of, or next to, those that the engine describes. */
export type ResponseDescription = Readonly<{
  description: string;
  /** By media type: the schema of the body, or null for bytes. Default: no body. */
  content?: Readonly<Record<string, z.ZodType | null>>;
  /** By name: what the header contains. */
  headers?: Readonly<Record<string, string>>;
}>;

/** Media types that `readBody` accepts. */
export const MEDIA_TYPES: readonly string[] = [
  'application/json',
  'application/x-www-form-urlencoded',
  'multipart/form-data',
];

/** Alternatives of credentials, each with the names of security schemes that are sent together. */
export type Security = ReadonlyArray<Readonly<Record<string, readonly string[]>>>;

/**
 * What the OpenAPI document contains about one method of a path. Members that are functions are called with the
 * settings of the tenant whose document is created. docs/openapi.md explains the defaults.
 */
export type OperationDescription<Settings = never> = Readonly<{
  /** The operation's name in generated clients. Default: made of the method and the path. */
  id?: string;
  /** One line. Default: made of the method and the path. */
  summary?: string;
  /** Markdown. Default: the summary. */
  description?: string;
  /** Schema of the request's body. Default: of the resource's `fields`, for POST, PUT and PATCH. Null: no body. */
  body?: BySettings<z.ZodType | null, Settings>;
  /** Media types of the request's body. Default: JSON and both kinds of forms. */
  mediaTypes?: BySettings<readonly string[], Settings>;
  /** Schema of the response's body. Default: of the resource's `fields`. Null: no body. */
  response?: BySettings<z.ZodType | null, Settings>;
  /** The list of a handler that calls `numberedPage` or `cursorPage`. `numberedPages` and `cursorPages` set it. */
  list?: Readonly<{ paging: 'numbered' | 'cursor'; listOf: (ctx: PageContext) => List<z.ZodObject> }>;
  /** Parameters of the query string, in addition to those of `list`. */
  query?: Readonly<Record<string, z.ZodType>>;
  /** Request headers, in addition to credentials. */
  headers?: BySettings<Readonly<Record<string, z.ZodType>>, Settings>;
  /** Headers of the successful response: what each contains. */
  responseHeaders?: BySettings<Readonly<Record<string, string>>, Settings>;
  /** Status of success. Default: 201 for POST with `fields`, 204 for a response without a body, otherwise 200. */
  status?: number;
  /** Errors in addition to those of the middleware, the body and the path. */
  errors?: readonly ApiErrorCode[];
  /** Further responses by status. They replace the engine's response of the same status. */
  responses?: BySettings<Readonly<Record<number, ResponseDescription>>, Settings>;
  /** Credentials that the handler itself reads. Default: those of the middleware. */
  security?: BySettings<Security, Settings>;
  /** Whether the operation exists with these settings. Default: always. */
  when?: (settings: Settings) => boolean;
}>;

/** What middleware adds to the operations behind it. */
export type MiddlewareDescription = Readonly<{
  /** Whether it requires credentials, or accepts requests without. Default: it does not read them. */
  credentials?: 'required' | 'optional';
  errors?: readonly ApiErrorCode[];
  /** Request headers. */
  headers?: Readonly<Record<string, z.ZodType>>;
  /** Headers of successful responses: what each contains. */
  responseHeaders?: Readonly<Record<string, string>>;
}>;

const operations = new WeakMap<Handler, OperationDescription>();
const middleware = new WeakMap<AppMiddleware, MiddlewareDescription>();
const chains = new WeakMap<AppMiddleware, (method: string) => readonly AppMiddleware[]>();

/**
 * Describes a handler in the OpenAPI document, and returns it.
 *
 *     POST: operation({ body: note.body, response: note.row, status: 201 }, async (ctx) => { … }),
 */
export function operation<Settings = never>(
  description: OperationDescription<Settings>,
  handler: Handler,
): Handler {
  operations.set(handler, { ...operations.get(handler), ...(description as OperationDescription) });
  return handler;
}

export const operationOf = (handler: Handler): OperationDescription | null => operations.get(handler) ?? null;

/** Describes middleware in the OpenAPI document, for every operation behind it, and returns it. */
export function describeMiddleware(
  description: MiddlewareDescription,
  described: AppMiddleware,
): AppMiddleware {
  middleware.set(described, description);
  return described;
}

/** Sets the middleware that runs in place of another one, by method. */
export function describeStacks(
  chainOf: (method: string) => readonly AppMiddleware[],
  described: AppMiddleware,
): AppMiddleware {
  chains.set(described, chainOf);
  return described;
}

/** Returns the descriptions of the middleware of a method, from the outside in. */
export const middlewareOf = (
  before: readonly AppMiddleware[],
  method: string,
): readonly MiddlewareDescription[] =>
  before.flatMap((each) => {
    const chain = chains.get(each)?.(method);
    return chain ? middlewareOf(chain, method) : (middleware.get(each) ?? []);
  });

/** Returns the headers of a description, and further ones. */
export const withHeaders = (
  { headers }: Pick<OperationDescription, 'headers'>,
  further: Readonly<Record<string, z.ZodType>>,
): NonNullable<OperationDescription['headers']> =>
  typeof headers === 'function'
    ? (settings: never) => ({ ...headers(settings), ...further })
    : { ...headers, ...further };
