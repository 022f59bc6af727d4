import { z } from 'zod';

import type { ApiErrorCode } from '../../errors.ts';
import type { Handler } from '../state.ts';
import { type Bodies, bodiesOf, describedSerializer, isDescribed, requestBodyOf } from './bodies.ts';
import {
  MEDIA_TYPES,
  type MiddlewareDescription,
  middlewareOf,
  type OperationDescription,
  operationOf,
  type ResponseDescription,
  resolveBySettings,
  type Security,
} from './description.ts';
import type { Json, Schemas } from './json-schema.ts';
import { declaredParameters, pathParameters } from './parameters.ts';
import { componentRef, errorsOf, jsonContent } from './responses.ts';
import type { Route } from './routes.ts';
import { describeInWords } from './words.ts';

/** What an operation is created with. */
export type OperationContext = Readonly<{
  schemas: Schemas;
  settings: Readonly<Record<string, unknown>>;
  tag: string;
  /** Credentials of operations that require them. */
  security: Security;
}>;

const WRITING = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** Errors that every operation may respond. */
const COMMON: readonly ApiErrorCode[] = ['parse_error', 'not_found', 'not_acceptable'];
const INTERNAL: readonly ApiErrorCode[] = ['statement_refused', 'database_unavailable'];

/** Returns the codes of the errors of an operation. */
function codesOf(
  method: string,
  { request, parameters }: Bodies,
  declared: OperationDescription,
  middleware: readonly MiddlewareDescription[],
): readonly ApiErrorCode[] {
  const readsCredentials = middleware.some(({ credentials }) => credentials !== undefined);
  return [
    ...COMMON,
    ...(parameters.length > 0 || request ? (['validation_failed'] as const) : []),
    ...(readsCredentials ? (['not_authenticated', 'permission_denied'] as const) : []),
    // Plain HTTP, if the service requires HTTPS.
    ...(method === 'GET' ? [] : (['https_required'] as const)),
    ...(request ? (['payload_too_large', 'unsupported_media_type'] as const) : []),
    ...(WRITING.has(method) && readsCredentials ? (['conflict', 'outcome_unknown'] as const) : []),
    ...middleware.flatMap(({ errors = [] }) => errors),
    ...(declared.errors ?? []),
    ...INTERNAL,
  ];
}

function securityOf(
  declared: OperationDescription,
  middleware: readonly MiddlewareDescription[],
  { settings, security }: OperationContext,
): Security {
  const given = resolveBySettings(declared.security, settings);
  if (given) {
    return given;
  }
  const needs = middleware.map(({ credentials }) => credentials);
  return needs.includes('required') ? security : needs.includes('optional') ? [{}, ...security] : [];
}

const headersOf = (headers: Readonly<Record<string, string>>): Json =>
  Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
  );

/** Returns the response of success. */
function successOf(
  { response, status }: Bodies,
  description: string,
  headers: Readonly<Record<string, string>>,
  schemas: Schemas,
): Json {
  return {
    description,
    headers: {
      'X-Request-Id': componentRef('headers', 'RequestId'),
      Allow: componentRef('headers', 'Allow'),
      ...(status === 201 && response ? headersOfCreated(response) : {}),
      ...headersOf(headers),
    },
    ...(response === null ? {} : { content: jsonContent(response ? schemas.output(response) : {}) }),
  };
}

/** `sendCreated` names the URL of the new row. */
const headersOfCreated = (response: z.ZodType): Json =>
  response instanceof z.ZodObject && 'id' in response.shape
    ? { Location: { ...componentRef('headers', 'Location') } }
    : {};

function furtherResponses(
  responses: Readonly<Record<number, ResponseDescription>> | undefined,
  schemas: Schemas,
): Json {
  return Object.fromEntries(
    Object.entries(responses ?? {}).map(([status, { description, content, headers = {} }]) => [
      status,
      {
        description,
        headers: { 'X-Request-Id': componentRef('headers', 'RequestId'), ...headersOf(headers) },
        ...(content
          ? {
              content: Object.fromEntries(
                Object.entries(content).map(([type, schema]) => [
                  type,
                  schema ? { schema: schemas.output(schema) } : {},
                ]),
              ),
            }
          : {}),
      },
    ]),
  );
}

/** Returns the description of one method of a path. Null: it does not exist with these settings. */
export function operationObject(route: Route, method: string, context: OperationContext): Json | null {
  const { schemas, settings, tag } = context;
  const declared = operationOf(route.handlers[method] as Handler) ?? {};
  if (declared.when && !(declared.when as (settings: unknown) => boolean)(settings)) {
    return null;
  }
  const middleware = middlewareOf(route.before, method);
  const bodies = bodiesOf(route, method, declared, context);
  const row = describedSerializer(route.metadata)?.row ?? null;
  const words = describeInWords(route.path, method, { ...bodies, row });
  const summary = declared.summary ?? words.summary;
  const headers = Object.assign(
    {},
    ...middleware.map((each) => each.headers ?? {}),
    resolveBySettings(declared.headers, settings),
  );
  const responseHeaders = Object.assign(
    {},
    ...middleware.map((each) => each.responseHeaders ?? {}),
    resolveBySettings(declared.responseHeaders, settings),
  );
  const parameters = [
    ...pathParameters(route.path).parameters,
    ...bodies.parameters,
    ...declaredParameters('header', headers, schemas),
  ];
  // The status of a handler without a description is unknown.
  const status = isDescribed(route, method) ? bodies.status : '2XX';
  const responses = {
    [status]: successOf(bodies, words.success, responseHeaders, schemas),
    ...errorsOf(codesOf(method, bodies, declared, middleware)),
    ...furtherResponses(resolveBySettings(declared.responses, settings), schemas),
  };
  return {
    operationId: declared.id ?? words.operationId,
    summary,
    description: declared.description ?? `${summary}.`,
    tags: [tag],
    security: securityOf(declared, middleware, context),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(bodies.request
      ? {
          requestBody: requestBodyOf(
            bodies.request,
            resolveBySettings(declared.mediaTypes, settings) ?? MEDIA_TYPES,
            schemas,
          ),
        }
      : {}),
    responses,
  };
}
