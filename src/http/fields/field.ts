import { z } from 'zod';

/** The SQL type in which values of a field are compared. Null: the type of the column. */
type SqlType = 'bigint' | 'boolean' | 'date' | 'jsonb' | 'numeric' | 'timestamptz' | 'uuid' | null;

type FieldInfo = Readonly<{
  /** The field before it was made nullable. */
  base: z.ZodType;
  /** Accepts a value as the driver reads it from a row. */
  row: z.ZodType;
  sqlType: SqlType;
  /** Whether `null` is a value of the field. */
  isNullable: boolean;
  /** Whether a value other than `null` means null where null is allowed. */
  isNull: (value: unknown) => boolean;
  /** Converts the text of an HTML form. Null: the field accepts the text itself. */
  fromForm: ((text: string) => unknown) | null;
}>;

/** What lists and serializers need to know about a field, by its schema. */
const infos = new WeakMap<z.ZodType, FieldInfo>();

/** Properties of JSON Schema, as zod's metadata accepts them. */
type JsonSchema = Readonly<Record<string, unknown>>;

/** A zod schema that accepts what a Django REST Framework field accepts, with its messages. */
export type Field<Row extends z.ZodType> = z.ZodPipe<
  z.ZodPipe<z.ZodUnknown, z.ZodTransform<z.output<Row>, unknown>>,
  Row
>;

/** Reports an invalid value, and returns what a transform must return then. */
export const fail = (context: z.RefinementCtx, message: string): never => {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
};

/** Sets the JSON Schema of a schema for which zod has none. */
export function withJsonSchema<Schema extends z.ZodType>(schema: Schema, json: JsonSchema): Schema {
  schema._zod.toJSONSchema = () => ({ ...json });
  return schema;
}

/**
 * Accepts anything, and has the JSON Schema of another schema. A bare transform would make members
 * optional. The JSON Schema is created when it is read: some bodies are declared for each request.
 */
function anything(described: z.ZodType): z.ZodUnknown {
  const schema = z.unknown();
  schema._zod.toJSONSchema = () => {
    const { $schema: _, ...json } = z.toJSONSchema(described, { io: 'input' });
    return json;
  };
  return schema;
}

/**
 * Creates a field.
 *
 * `row` accepts values as the driver reads them and as `parse` returns them. Its
 * JSON Schema is that of the field.
 */
export function createField<Row extends z.ZodType>(
  row: Row,
  parse: (value: NonNullable<unknown>, context: z.RefinementCtx) => z.output<Row>,
  {
    sqlType = null,
    isNull = () => false,
    fromForm = null,
  }: Partial<Pick<FieldInfo, 'sqlType' | 'isNull' | 'fromForm'>> = {},
): Field<Row> {
  const parsed = z.transform((value: unknown, context): z.output<Row> => {
    if (value === undefined) {
      return fail(context, 'This field is required.');
    }
    if (value === null) {
      return fail(context, 'This field may not be null.');
    }
    return parse(value, context);
  });
  const schema: z.ZodType = z.pipe(z.pipe(anything(row), parsed) as z.ZodType, row as z.ZodType);
  infos.set(schema, { base: schema, row, sqlType, isNullable: false, isNull, fromForm });
  return schema as Field<Row>;
}

/** Returns the description of the field within a schema, or null for a schema that is not a field. */
export function fieldInfo(schema: z.ZodType): FieldInfo | null {
  const { innerType } = schema.def as { innerType?: z.ZodType };
  return infos.get(schema) ?? (innerType ? fieldInfo(innerType) : null);
}

/** A field that also accepts null. */
export type NullableField<Schema extends z.ZodType> = z.ZodPipe<
  z.ZodPipe<z.ZodUnknown, z.ZodTransform<unknown, unknown>>,
  z.ZodNullable<Schema>
>;

/** Allows `null`: for a boolean also "" and "null", for a decimal also "", as in Django REST Framework. */
export function nullable<Schema extends z.ZodType>(schema: Schema): NullableField<Schema> {
  const info = fieldInfo(schema);
  const allowed: z.ZodType = schema.nullable();
  const nulls = z.transform((value: unknown) => (info?.isNull(value) ? null : value));
  const field: z.ZodType = z.pipe(z.pipe(anything(allowed), nulls) as z.ZodType, allowed);
  if (info) {
    infos.set(field, { ...info, row: info.row.nullable(), isNullable: true });
  }
  return field as NullableField<Schema>;
}

/** Allows a client to omit the field. */
export const optional = <Schema extends z.ZodType>(schema: Schema): z.ZodOptional<Schema> =>
  schema.optional();

/** Marks a field that clients can read and cannot write. A value in a request is ignored. */
export const readOnly = <Schema extends z.ZodType>(schema: Schema): z.ZodReadonly<Schema> =>
  schema.readonly();
