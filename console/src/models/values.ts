import { type FormValues, fromInput, type JsonSchema, toInput } from '../schema-form/schema';
import type { ModelField, Row } from './requests';

/** A limit of long texts that have none, so that their input has several lines. */
const LONG = 1_000_000;

/** Returns the schema of a field's input. */
export const inputSchemaOf = ({ kind, schema }: ModelField): JsonSchema =>
  kind === 'long text' ? { maxLength: LONG, ...schema } : schema;

/** Returns the inputs of a form: those of a row, or empty ones. */
export const inputsOf = (fields: readonly ModelField[], row: Row | null): FormValues =>
  Object.fromEntries(
    fields.map((field) => [
      field.name,
      field.relation
        ? String(row?.[field.name] ?? '')
        : toInput(inputSchemaOf(field), row?.[field.name] ?? field.schema.default),
    ]),
  );

/** Whether "" is a value of the field. */
const isBlankAllowed = ({ kind, schema }: ModelField): boolean =>
  (kind === 'text' || kind === 'long text') && !(Number(schema.minLength) > 0);

/** Returns the value of an input for the API. Undefined: the field is not sent. */
function valueOfInput(field: ModelField, input: string | boolean, isNew: boolean): unknown {
  if (input !== '') {
    return field.relation ? input : fromInput(inputSchemaOf(field), input);
  }
  if (field.nullable) {
    return null;
  }
  // A new row has the default of an omitted field. The service names a field that must have a value.
  return isNew && !isBlankAllowed(field) ? undefined : '';
}

/** Returns the body of a new row. */
export const bodyOfNew = (fields: readonly ModelField[], inputs: FormValues): Record<string, unknown> =>
  Object.fromEntries(
    fields
      .map((field) => [field.name, valueOfInput(field, inputs[field.name] ?? '', true)] as const)
      .filter(([, value]) => value !== undefined),
  );

/** Returns the fields that differ from those of the loaded row. */
export const bodyOfChanges = (
  fields: readonly ModelField[],
  before: FormValues,
  inputs: FormValues,
): Record<string, unknown> =>
  Object.fromEntries(
    fields
      .filter(({ name }) => inputs[name] !== before[name])
      .map((field) => [field.name, valueOfInput(field, inputs[field.name] ?? '', false)]),
  );
