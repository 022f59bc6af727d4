/** The part of JSON Schema that forms support. */
export type JsonSchema = Readonly<{
  type?: string | readonly string[];
  title?: string;
  description?: string;
  enum?: readonly unknown[];
  const?: unknown;
  format?: string;
  default?: unknown;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  properties?: Readonly<Record<string, JsonSchema>>;
  required?: readonly string[];
  items?: JsonSchema;
  additionalProperties?: boolean | JsonSchema;
  /** Name of a list of the API from which the value is chosen, such as `dumps`. */
  choices?: string;
  anyOf?: readonly JsonSchema[];
  oneOf?: readonly JsonSchema[];
}>;

/** The kind of input that a field has. */
export type FieldKind =
  | 'text'
  | 'lines'
  | 'number'
  | 'boolean'
  | 'choice'
  | 'date'
  | 'datetime'
  | 'list'
  | 'pairs'
  | 'json';

/** The values of a form, as its inputs have them. */
export type FormValues = Record<string, string | boolean>;

/** Texts with a longer limit have several lines. */
const LONG_TEXT = 300;

const alternativesOf = ({ anyOf, oneOf }: JsonSchema): readonly JsonSchema[] => anyOf ?? oneOf ?? [];

export const isNullable = (schema: JsonSchema): boolean =>
  [schema.type].flat().includes('null') || alternativesOf(schema).some(({ type }) => type === 'null');

/** Returns the schema of the values that are not null. */
function withoutNull(schema: JsonSchema): JsonSchema {
  const others = alternativesOf(schema).filter(({ type }) => type !== 'null');
  const [only] = others;
  if (others.length === 1 && only) {
    return {
      ...only,
      title: schema.title ?? only.title,
      description: schema.description ?? only.description,
      format: schema.format ?? only.format,
    } as JsonSchema;
  }
  return schema;
}

const typeOf = (schema: JsonSchema): string | undefined =>
  [schema.type].flat().find((type) => type !== 'null' && type !== undefined);

function textKindOf({ format, maxLength }: JsonSchema): FieldKind {
  if (format === 'date') {
    return 'date';
  }
  if (format === 'date-time') {
    return 'datetime';
  }
  return maxLength !== undefined && maxLength > LONG_TEXT && format === undefined ? 'lines' : 'text';
}

export function kindOf(given: JsonSchema): FieldKind {
  const schema = withoutNull(given);
  if (choicesOf(schema).length > 0) {
    return 'choice';
  }
  switch (typeOf(schema)) {
    case 'boolean':
      return 'boolean';
    case 'integer':
    case 'number':
      return 'number';
    case 'array':
      return schema.items && typeOf(schema.items) === 'string' ? 'list' : 'json';
    case 'object':
      return schema.additionalProperties && !schema.properties ? 'pairs' : 'json';
    case 'string':
      return textKindOf(schema);
    default:
      return alternativesOf(schema).some((one) => typeOf(one) === 'string') ? 'text' : 'json';
  }
}

/** The values of a choice. */
export function choicesOf(given: JsonSchema): readonly string[] {
  const schema = withoutNull(given);
  const constants = alternativesOf(schema).map(({ const: value }) => value);
  return (schema.enum ?? constants).filter((value) => value !== null && value !== undefined).map(String);
}

/** Returns a value of the API as the input of its field shows it. */
export function toInput(schema: JsonSchema, value: unknown): string | boolean {
  if (kindOf(schema) === 'boolean') {
    return value === true;
  }
  if (value === undefined || value === null) {
    return '';
  }
  switch (kindOf(schema)) {
    case 'list':
      return (value as readonly unknown[]).join('\n');
    case 'pairs':
      return Object.entries(value as object)
        .map(([name, text]) => `${name}=${text}`)
        .join('\n');
    case 'datetime':
      return localTime(String(value));
    case 'json':
      return JSON.stringify(value, null, 2);
    default:
      return String(value);
  }
}

/** Returns a time in the format of the input `datetime-local`. */
function localTime(value: string): string {
  const moment = new Date(value);
  moment.setMinutes(moment.getMinutes() - moment.getTimezoneOffset());
  return moment.toISOString().slice(0, 16);
}

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);

/** Returns the value of a field for the API. Undefined: the field is not sent. */
export function fromInput(schema: JsonSchema, input: string | boolean): unknown {
  if (typeof input === 'boolean') {
    return input;
  }
  const kind = kindOf(schema);
  if (input === '') {
    return isNullable(schema) ? null : undefined;
  }
  switch (kind) {
    case 'number':
      // The service rejects texts that are not numbers.
      return Number.isNaN(Number(input)) ? input : Number(input);
    case 'list':
      return linesOf(input);
    case 'pairs':
      return Object.fromEntries(
        linesOf(input).map((line) => [line.split('=')[0]?.trim() ?? '', line.slice(line.indexOf('=') + 1)]),
      );
    case 'datetime':
      return new Date(input).toISOString();
    case 'json':
      return parseJson(input);
    default:
      return input;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The service rejects texts that are not JSON.
    return text;
  }
}

/** Returns the inputs of a new form. */
export const initialValues = (
  { properties = {} }: JsonSchema,
  values: Readonly<Record<string, unknown>> = {},
): FormValues =>
  Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [
      name,
      toInput(schema, name in values ? values[name] : schema.default),
    ]),
  );

/** Returns the body that a form sends. */
export function bodyOf({ properties = {} }: JsonSchema, values: FormValues): Record<string, unknown> {
  const entries = Object.entries(properties).map(([name, schema]) => [
    name,
    fromInput(schema, values[name] ?? ''),
  ]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
