import { z } from 'zod';

/** A part of the document. */
export type Json = Readonly<Record<string, unknown>>;

/** The named schemas of a document, and the conversion of zod schemas to references and schemas. */
export type Schemas = Readonly<{
  /** Returns the schema of a value that clients send. */
  input: (schema: z.ZodType) => Json;
  /** Returns the schema of a value that clients receive. */
  output: (schema: z.ZodType) => Json;
  /** Returns the named schemas, in the order of their names. */
  components: () => Json;
}>;

const LOCAL = '#/$defs/';

/** Returns a copy of a part of the document in which each reference has another target. */
function withReferences(part: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(part)) {
    return part.map((each) => withReferences(each, rename));
  }
  if (typeof part !== 'object' || part === null) {
    return part;
  }
  return Object.fromEntries(
    Object.entries(part).map(([key, value]) =>
      key === '$ref' && typeof value === 'string' && value.startsWith(LOCAL)
        ? [key, `#/components/schemas/${rename(value.slice(LOCAL.length))}`]
        : [key, withReferences(value, rename)],
    ),
  );
}

/** Returns a name with the letters that component names may have. */
const componentName = (name: string): string => name.replaceAll(/[^A-Za-z0-9._-]/g, '_');

type Direction = 'input' | 'output';
type Converted = Json & Readonly<{ $defs?: Json }>;

const convertSchema = (schema: z.ZodType, io: Direction): Converted => {
  const { $schema: _, ...document } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema instanceof z.ZodDate) {
        Object.assign(jsonSchema, { type: 'string', format: 'date-time' });
      }
      // Bounds of `z.int()`: those of numbers in JavaScript, not of the value.
      if (zodSchema instanceof z.ZodNumberFormat) {
        if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) {
          delete jsonSchema.minimum;
        }
        if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) {
          delete jsonSchema.maximum;
        }
      }
      // The name is that of the component.
      delete jsonSchema.id;
    },
  });
  return document;
};

const converted: Readonly<Record<Direction, WeakMap<z.ZodType, Converted>>> = {
  input: new WeakMap(),
  output: new WeakMap(),
};

/** Converts each schema once: documents for other settings, and for the public site, have mostly the same schemas. */
function toJsonSchema(schema: z.ZodType, io: Direction): Converted {
  const known = converted[io].get(schema) ?? convertSchema(schema, io);
  converted[io].set(schema, known);
  return known;
}

/**
 * Collects the named schemas of a document: those with `.meta({ id })`, as `serializer(…, { name })` gives them.
 * A name that two different schemas have gets a number.
 */
export function createSchemas(): Schemas {
  const components = new Map<string, string>();

  const add = (id: string, definition: unknown): string => {
    const text = JSON.stringify(definition);
    for (let number = 1; ; number += 1) {
      const name = `${componentName(id)}${number === 1 ? '' : number}`;
      const known = components.get(name);
      if (known === undefined || known === text) {
        components.set(name, text);
        return name;
      }
    }
  };

  const convert = (schema: z.ZodType, io: Direction): Json => {
    const { $defs = {}, ...root } = toJsonSchema(schema, io);
    const names = new Map<string, string>();
    const definitions = Object.entries($defs);
    const rename = (id: string): string => names.get(id) ?? componentName(id);
    // Schemas that others refer to come first, because a reference is part of the text that is compared.
    const isResolved = (definition: unknown): boolean =>
      [...JSON.stringify(definition).matchAll(/"#\/\$defs\/([^"]+)"/g)].every(([, id = '']) => names.has(id));
    while (names.size < definitions.length) {
      const open = definitions.filter(([id]) => !names.has(id));
      const [id, definition] = open.find(([, candidate]) => isResolved(candidate)) ?? open[0] ?? ['', {}];
      names.set(id, add(id, withReferences(definition, rename)));
    }
    return withReferences(root, rename) as Json;
  };

  return {
    input: (schema) => convert(schema, 'input'),
    output: (schema) => convert(schema, 'output'),
    components: () =>
      Object.fromEntries(
        [...components]
          .sort(([one], [other]) => (one < other ? -1 : 1))
          .map(([name, text]) => [name, JSON.parse(text) as unknown]),
      ),
  };
}
