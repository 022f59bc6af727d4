import { z } from 'zod';

import { serializer } from '../fields/serializer.ts';
import { type AnySerializer, type Metadata, serializerOf } from '../metadata.ts';
import type { Handler } from '../state.ts';
import { type OperationDescription, operationOf, resolveBySettings } from './description.ts';
import type { Json, Schemas } from './json-schema.ts';
import { declaredParameters, pageOfRows, recordList } from './parameters.ts';
import type { Route } from './routes.ts';

/** The bodies of an operation, and what they are derived from. */
export type Bodies = Readonly<{
  request: z.ZodType | null;
  /** Undefined: not known. */
  response: z.ZodType | null | undefined;
  status: number;
  parameters: readonly Json[];
  isList: boolean;
}>;

/** Returns the serializer of a resource, also for a resource with fields only. */
export function describedSerializer(metadata: Metadata): AnySerializer | null {
  const { fields } = metadata;
  return (
    serializerOf(metadata) ??
    (typeof fields === 'object' ? serializer(fields as Readonly<Record<string, z.ZodType>>) : null)
  );
}

/** Returns the bodies that a serializer has for a method. */
function serializerBodies(
  { path, handlers, metadata }: Route,
  method: string,
): Partial<Pick<Bodies, 'request' | 'response' | 'status'>> {
  const serializer = describedSerializer(metadata);
  if (method === 'DELETE') {
    return { response: null };
  }
  if (!serializer) {
    return {};
  }
  const { row, body, partialBody } = serializer;
  const isCollection = handlers.POST !== undefined && !/\/:[^/]+$/.test(path);
  switch (method) {
    case 'POST':
      return { request: body, response: row, status: 201 };
    case 'PUT':
      return { request: body, response: row };
    case 'PATCH':
      return { request: partialBody, response: row };
    default:
      return { response: isCollection ? z.array(row) : row };
  }
}

/** Returns the bodies of a method: those that it declares, and otherwise those of its list or its serializer. */
export function bodiesOf(
  route: Route,
  method: string,
  declared: OperationDescription,
  { schemas, settings }: Readonly<{ schemas: Schemas; settings: Readonly<Record<string, unknown>> }>,
): Bodies {
  const derived = serializerBodies(route, method);
  const list = declared.list ? recordList(declared.list, schemas) : null;
  const page = list?.row && declared.list ? pageOfRows(list.row, declared.list.paging) : undefined;
  const given = resolveBySettings(declared.response, settings);
  const response = given !== undefined ? given : (page ?? derived.response);
  const request = resolveBySettings(declared.body, settings);
  return {
    request: (request !== undefined ? request : derived.request) ?? null,
    response,
    status:
      declared.status ??
      (response === null ? 204 : given === undefined && derived.status !== undefined ? derived.status : 200),
    parameters: [...(list?.parameters ?? []), ...declaredParameters('query', declared.query, schemas)],
    isList: list !== null || response instanceof z.ZodArray,
  };
}

/** Returns the description of a request body, as JSON or as a form. */
export function requestBodyOf(body: z.ZodType, mediaTypes: readonly string[], schemas: Schemas): Json {
  const schema = schemas.input(body);
  return {
    required: !body.safeParse({}).success,
    content: Object.fromEntries(mediaTypes.map((type) => [type, { schema }])),
  };
}

/** Whether a method has a description: without one, its bodies are unknown. */
export function isDescribed(route: Route, method: string): boolean {
  const { response, responses, list } = operationOf(route.handlers[method] as Handler) ?? {};
  return (
    response !== undefined ||
    responses !== undefined ||
    list !== undefined ||
    serializerBodies(route, method).response !== undefined
  );
}
