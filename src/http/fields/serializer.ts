import { z } from 'zod';

import { type Field, fieldInfo, type NullableField } from './field.ts';

type Fields = Readonly<Record<string, z.ZodType>>;

/** The schema of a field's column in a row. */
type RowOf<Schema> =
  Schema extends Field<infer Row>
    ? Row
    : Schema extends NullableField<infer Inner>
      ? z.ZodNullable<Extract<RowOf<Inner>, z.ZodType>>
      : Schema extends z.ZodReadonly<infer Inner> | z.ZodOptional<infer Inner> | z.ZodDefault<infer Inner>
        ? RowOf<Inner>
        : Schema;

type Writable<Shape extends Fields> = {
  -readonly [Name in keyof Shape as Shape[Name] extends z.ZodReadonly ? never : Name]: Shape[Name];
};

type WithoutDefault<Schema> = Schema extends z.ZodDefault<infer Inner> ? Inner : Schema;

type Partial_<Shape extends Fields> = {
  [Name in keyof Writable<Shape>]: z.ZodOptional<Extract<WithoutDefault<Writable<Shape>[Name]>, z.ZodType>>;
};

type Rows<Shape extends Fields> = {
  -readonly [Name in keyof Shape]: Extract<RowOf<Shape[Name]>, z.ZodType>;
};

/** The schemas of a model: of its rows, and of the bodies that clients send. */
export type Serializer<Shape extends Fields> = Readonly<{
  fields: Shape;
  /** What clients send with POST and PUT: without read-only fields. */
  body: z.ZodObject<Writable<Shape>>;
  /** What clients send with PATCH: every field is optional, and no default applies. */
  partialBody: z.ZodObject<Partial_<Shape>>;
  /** A row as the driver reads it, for `sql.type`. Clients receive it in this form. */
  row: z.ZodObject<Rows<Shape>>;
}>;

function withoutDefault(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodDefault) {
    return withoutDefault(schema.def.innerType as z.ZodType);
  }
  return schema;
}

const mapShape = (shape: Fields, map: (schema: z.ZodType) => z.ZodType): Record<string, z.ZodType> =>
  Object.fromEntries(Object.entries(shape).map(([name, schema]) => [name, map(schema)]));

/**
 * Derives the schemas of requests and rows from one declaration of fields.
 *
 * @param name of the schemas in an OpenAPI document: `Name`, `NameRequest` and
 *   `PatchedNameRequest`
 */
export function serializer<Shape extends Fields>(
  shape: Shape,
  { name }: { name?: string } = {},
): Serializer<Shape> {
  const writable = Object.fromEntries(
    Object.entries(shape).filter(([, schema]) => !(schema instanceof z.ZodReadonly)),
  );
  const named = <Schema extends z.ZodType>(schema: Schema, id: string): Schema =>
    name === undefined ? schema : (schema.meta({ id }) as Schema);
  const schemas = {
    fields: shape,
    body: named(z.object(writable), `${name}Request`),
    partialBody: named(
      z.object(mapShape(writable, (schema) => withoutDefault(schema).optional())),
      `Patched${name}Request`,
    ),
    row: named(z.strictObject(mapShape(shape, (schema) => fieldInfo(schema)?.row ?? schema)), `${name}`),
  };
  return schemas as unknown as Serializer<Shape>;
}
