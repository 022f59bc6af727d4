import { z } from 'zod';

import { fieldInfo } from './fields/field.ts';
import type { Serializer } from './fields/serializer.ts';
import type { Context } from './state.ts';

type Fields = Readonly<Record<string, z.ZodType>>;

// biome-ignore lint/suspicious/noExplicitAny: the type of a serializer depends on its fields
export type AnySerializer = Serializer<any>;

/** The description of a resource for OPTIONS and the OpenAPI document. */
export type Metadata = Readonly<{
  /** Default: the last word of the path. */
  name?: string;
  /** Default: empty. */
  description?: string;
  /**
   * The serializer of the resource's rows: the OpenAPI document has its schemas of bodies and responses. Or only the
   * fields of POST and PUT, with those that clients only read. A function, if they depend on the tenant. Default: not
   * described.
   */
  fields?: AnySerializer | Fields | ((ctx: Context) => Promise<Fields>);
}>;

/** Returns the serializer of a resource, or null when there is none. */
export const serializerOf = ({ fields }: Metadata): AnySerializer | null =>
  typeof fields === 'object' && 'partialBody' in fields && !(fields.fields instanceof z.ZodType)
    ? (fields as AnySerializer)
    : null;

async function fieldsOf(ctx: Context, metadata: Metadata): Promise<Fields | undefined> {
  const { fields } = metadata;
  return typeof fields === 'function'
    ? fields(ctx)
    : (serializerOf(metadata)?.fields ?? (fields as Fields | undefined));
}

const RENDERS = ['application/json'];
const PARSES = ['application/json', 'application/x-www-form-urlencoded', 'multipart/form-data'];

/** DRF's names of types, by the format of a JSON Schema. */
const BY_FORMAT: Readonly<Record<string, string>> = {
  email: 'email',
  uri: 'url',
  date: 'date',
  'date-time': 'datetime',
};
const BY_TYPE: Readonly<Record<string, string>> = {
  string: 'string',
  integer: 'integer',
  number: 'float',
  boolean: 'boolean',
  array: 'list',
  object: 'nested object',
};

type JsonSchema = Readonly<{
  type?: string;
  format?: string;
  enum?: readonly unknown[];
  anyOf?: readonly JsonSchema[];
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
}>;

const capitalized = (words: string): string => `${words.charAt(0).toUpperCase()}${words.slice(1)}`;

/** Returns the title of a field: `created_at` is "Created at". */
export const labelOf = (name: string): string =>
  name === 'id' ? 'ID' : capitalized(name.replaceAll('_', ' '));

function typeOf(json: JsonSchema, sqlType: string | null): string {
  if (json.enum) {
    return 'choice';
  }
  return (
    (sqlType === 'numeric' ? 'decimal' : undefined) ??
    BY_FORMAT[json.format ?? ''] ??
    BY_TYPE[json.type ?? ''] ??
    'field'
  );
}

/** Returns the description of one field, with Django REST Framework's names and in its order. */
function describeField(name: string, field: z.ZodType): Readonly<Record<string, unknown>> {
  const isReadOnly = field instanceof z.ZodReadonly;
  const described = z.toJSONSchema(field, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  // A nullable field is a union with null.
  const json = described.anyOf?.find(({ type }) => type !== 'null') ?? described;
  const all: Readonly<Record<string, unknown>> = {
    type: typeOf(json, fieldInfo(field)?.sqlType ?? null),
    required: !isReadOnly && !field.safeParse(undefined).success,
    read_only: isReadOnly,
    label: labelOf(name),
    min_length: (json.minLength ?? 0) > 1 ? json.minLength : undefined,
    max_length: json.maxLength,
    min_value: json.minimum,
    max_value: json.maximum,
    choices: json.enum?.map((value) => ({ value, display_name: String(value) })),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function nameOf(path: string): string {
  const words = path.split('/').filter((word) => word !== '' && !word.startsWith(':'));
  const name = capitalized((words.at(-1) ?? '').replaceAll(/[_-]/g, ' '));
  return path.includes('/:') ? `${name} Instance` : name;
}

/** Returns the body of a response to OPTIONS, as SimpleMetadata of Django REST Framework. */
export async function metadataBody(
  ctx: Context,
  path: string,
  methods: readonly string[],
  metadata: Metadata,
): Promise<Readonly<Record<string, unknown>>> {
  const { name = nameOf(path), description = '' } = metadata;
  const fields = await fieldsOf(ctx, metadata);
  const described =
    fields &&
    Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, describeField(key, field)]));
  const actions = ['PUT', 'POST'].filter((method) => methods.includes(method));
  return {
    name,
    description,
    renders: RENDERS,
    parses: PARSES,
    ...(described && actions.length > 0
      ? { actions: Object.fromEntries(actions.map((method) => [method, described])) }
      : {}),
  };
}
