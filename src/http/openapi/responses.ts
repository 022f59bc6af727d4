import { API_ERRORS, type ApiErrorCode } from '../../errors.ts';
import type { Json } from './json-schema.ts';

/** Statuses whose bodies have a code, and the reason of each. */
const CODED: Readonly<Record<number, readonly [name: string, description: string]>> = {
  401: ['Unauthorized', 'Credentials are missing or invalid.'],
  402: ['PaymentRequired', 'The tenant is suspended, or its subscription is not paid.'],
  403: ['Forbidden', 'The caller must not do this.'],
  409: ['Conflict', 'The request conflicts with another object or request.'],
  412: ['PreconditionFailed', 'The object was changed since the client read it.'],
  428: ['PreconditionRequired', 'The request must contain If-Match.'],
  503: ['Unavailable', 'The service or the tenant is temporarily unavailable.'],
  504: ['OutcomeUnknown', 'The connection to the database was lost while it may have committed the change.'],
};

/** Statuses whose bodies have a text only. */
const PLAIN: Readonly<Record<number, readonly [name: string, description: string]>> = {
  404: ['NotFound', 'The object does not exist, or belongs to another tenant.'],
  405: ['MethodNotAllowed', 'The path does not have this method.'],
  406: ['NotAcceptable', 'The Accept header excludes JSON.'],
  413: ['TooLarge', 'The request or the response exceeds a limit.'],
  415: ['UnsupportedMediaType', 'The media type or the content coding of the body is not accepted.'],
  429: ['TooManyRequests', 'A limit of requests is reached.'],
  500: ['InternalError', 'A fault of the service.'],
};

const ref = (section: 'schemas' | 'responses' | 'headers', name: string): Json => ({
  $ref: `#/components/${section}/${name}`,
});

const json = (schema: Json): Json => ({ 'application/json': { schema } });

const codesOf = (status: number): readonly string[] =>
  Object.entries(API_ERRORS)
    .filter(([, its]) => its === status)
    .map(([code]) => code);

const DETAIL = { type: 'string', description: 'The reason, for a reader.' };

const detailSchema: Json = {
  type: 'object',
  description: 'The reason of an error.',
  properties: { detail: DETAIL },
  required: ['detail'],
};

/** `code` is missing in errors of `ctx.throw`. */
const codedSchema = (status: number): Json => ({
  type: 'object',
  description: 'The reason of an error, with a code that is never renamed.',
  properties: {
    detail: DETAIL,
    code: { type: 'string', enum: codesOf(status) },
    ...(status === 401
      ? {
          messages: {
            type: 'array',
            items: {
              type: 'object',
              properties: {
                token_class: { type: 'string' },
                token_type: { type: 'string' },
                message: { type: 'string' },
              },
              required: ['token_class', 'token_type', 'message'],
            },
          },
        }
      : {}),
  },
  required: ['detail'],
});

const fieldErrorsSchema: Json = {
  type: 'object',
  description: 'Messages by field. `non_field_errors` has those of the whole body.',
  additionalProperties: { type: 'array', items: { type: 'string' }, minItems: 1 },
};

const RETRYING = new Set([429, 503]);

function errorHeaders(status: number): Json {
  return {
    'X-Request-Id': ref('headers', 'RequestId'),
    ...(status === 401 ? { 'WWW-Authenticate': ref('headers', 'WWWAuthenticate') } : {}),
    ...(RETRYING.has(status) ? { 'Retry-After': ref('headers', 'RetryAfter') } : {}),
  };
}

/** Returns the component of a status. */
const nameOf = (status: number): string => (CODED[status] ?? PLAIN[status])?.[0] ?? 'BadRequest';

/** Returns the named schemas of errors. */
export const errorSchemas = (): Json => ({
  Detail: detailSchema,
  FieldErrors: fieldErrorsSchema,
  ...Object.fromEntries(
    Object.entries(CODED).map(([status, [name]]) => [`${name}Error`, codedSchema(Number(status))]),
  ),
});

/** Returns the named responses of errors. */
export function errorResponses(): Json {
  const response = (status: number, description: string, schema: Json): Json => ({
    description,
    headers: errorHeaders(status),
    content: json(schema),
  });
  return {
    BadRequest: response(
      400,
      'The request is invalid. Messages by field, or one text for the whole request.',
      {
        anyOf: [ref('schemas', 'Detail'), ref('schemas', 'FieldErrors')],
      },
    ),
    ...Object.fromEntries(
      Object.entries(CODED).map(([status, [name, description]]) => [
        name,
        response(Number(status), description, ref('schemas', `${name}Error`)),
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(PLAIN).map(([status, [name, description]]) => [
        name,
        response(Number(status), description, ref('schemas', 'Detail')),
      ]),
    ),
  };
}

/** The named headers of responses. */
export const HEADERS: Json = {
  RequestId: {
    description: 'The ID of the request in the logs.',
    required: true,
    schema: { type: 'string' },
  },
  Allow: { description: 'The methods of the path.', required: true, schema: { type: 'string' } },
  Location: {
    description: 'The URL of the new object.',
    schema: { type: 'string', format: 'uri' },
  },
  RetryAfter: {
    description: 'Seconds after which the client may repeat the request.',
    required: true,
    schema: { type: 'string', pattern: '^\\d+$' },
  },
  WWWAuthenticate: { description: 'The expected credentials.', required: true, schema: { type: 'string' } },
};

/** Returns the references to the responses of error codes, by status. */
export function errorsOf(codes: readonly ApiErrorCode[]): Json {
  const statuses = new Set(codes.map((code) => API_ERRORS[code]));
  return Object.fromEntries(
    [...statuses].map((status) => [String(status), ref('responses', nameOf(status))]),
  );
}

export { json as jsonContent, ref as componentRef };
