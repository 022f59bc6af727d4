import { z } from 'zod';
import { fieldInfo } from '../fields/field.ts';

/** The value of a file. No field accepts it. */
export const FILE: Readonly<Record<never, never>> = Object.freeze({});

/** The fields of an HTML form. Of a repeated field, the last value. */
export class FormBody {
  readonly fields: ReadonlyMap<string, unknown>;

  constructor(fields: ReadonlyMap<string, unknown>) {
    this.fields = fields;
  }
}

/** Returns the members of an object schema, also of an intersection of object schemas. */
function shapeOf(schema: z.ZodType): Readonly<Record<string, z.ZodType>> {
  if (schema instanceof z.ZodObject) {
    return schema.shape as Record<string, z.ZodType>;
  }
  return schema instanceof z.ZodIntersection
    ? { ...shapeOf(schema.def.left as z.ZodType), ...shapeOf(schema.def.right as z.ZodType) }
    : {};
}

/**
 * Returns the object that a form represents, as in Django REST Framework. A form cannot send null or a boolean: an
 * empty field is null or omitted where the field is not text, and a missing checkbox is false.
 */
export function objectOfForm(schema: z.ZodType, { fields }: FormBody): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(shapeOf(schema))) {
    const info = fieldInfo(field);
    const value = fields.get(name);
    if (value === undefined) {
      if (info?.sqlType === 'boolean' && !field.safeParse(undefined).success) {
        object[name] = false;
      }
    } else if (value === '' && !field.safeParse('').success && info?.isNullable) {
      object[name] = null;
    } else if (value !== '' || field.safeParse('').success || !field.safeParse(undefined).success) {
      object[name] = typeof value === 'string' && info?.fromForm ? info.fromForm(value) : value;
    }
  }
  return object;
}
