import { z } from 'zod';

import { fieldInfo } from '../fields/field.ts';
import type { List, PageContext } from '../lists/list.ts';
import { type ListRecorder, RECORDER } from '../lists/recorder.ts';
import type { OperationDescription } from './description.ts';
import type { Json, Schemas } from './json-schema.ts';

type ListDescription = NonNullable<OperationDescription['list']>;

/** What a list reads from the query string. `row` is null when the list cannot be created without a request. */
export type RecordedList = Readonly<{ row: z.ZodObject | null; parameters: readonly Json[] }>;

const pageSize = z
  .int()
  .min(1)
  .max(100)
  .optional()
  .describe('Rows of a page. Default: 20. Values above 100 count as 100.');

/** The parameters of a list in pages with numbers. */
export const pageParameters = {
  page: z
    .union([z.int().min(1), z.literal('last')])
    .optional()
    .describe('Number of the page, or `last`. Default: 1.'),
  page_size: pageSize,
};

const cursorParameters = {
  cursor: z.string().optional().describe('Position of the page, from `next` or `previous` of another page.'),
  page_size: pageSize,
};

/** What each lookup of a filter selects. */
const LOOKUPS: Readonly<Record<string, string>> = {
  exact: 'Only rows with this value.',
  gt: 'Only rows with a greater value.',
  gte: 'Only rows with this value or a greater one.',
  lt: 'Only rows with a lesser value.',
  lte: 'Only rows with this value or a lesser one.',
  in: 'Only rows with one of these values, separated by commas.',
  isnull: 'Only rows without a value (`true`), or only those with one (`false`).',
  icontains: 'Only rows whose value contains this text, in upper or lower case.',
};

const quoted = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');

function filterParameter(
  name: string,
  lookup: string,
  schema: z.ZodType | undefined,
  schemas: Schemas,
): Json {
  const value = schema && !['in', 'isnull', 'icontains'].includes(lookup) ? schema : undefined;
  return {
    name: lookup === 'exact' ? name : `${name}__${lookup}`,
    in: 'query',
    description: LOOKUPS[lookup],
    schema: value
      ? schemas.input(fieldInfo(value)?.base ?? value)
      : { type: lookup === 'isnull' ? 'boolean' : 'string' },
  };
}

/** Returns the recorder of a list, and the parameters that it has recorded. */
function createRecorder(schemas: Schemas): { recorder: ListRecorder; parameters: Json[] } {
  const parameters: Json[] = [];
  const recorder: ListRecorder = {
    search: (fields) =>
      parameters.push({
        name: 'search',
        in: 'query',
        description: `Words that must occur in ${quoted(fields.map((field) => field.replace(/^[=^]/, '')))}.`,
        schema: { type: 'string', maxLength: 500 },
      }),
    filters: (fields, allowed) => {
      for (const [name, lookups] of Object.entries(allowed)) {
        for (const lookup of lookups ?? []) {
          parameters.push(filterParameter(name, lookup, fields[name], schemas));
        }
      }
    },
    ordering: (allowed, standard) => {
      if (allowed.length > 0) {
        parameters.push({
          name: 'ordering',
          in: 'query',
          description: `Fields by which rows are ordered, separated by commas: ${quoted(allowed)}. With \`-\` in descending order.${
            standard.length > 0 ? ` Default: ${quoted(standard)}.` : ''
          }`,
          schema: { type: 'string' },
        });
      }
    },
  };
  return { recorder, parameters };
}

/** Creates a list without a request, and returns its parameters. */
export function recordList({ paging, listOf }: ListDescription, schemas: Schemas): RecordedList {
  const { recorder, parameters } = createRecorder(schemas);
  const ctx = {
    protocol: 'http',
    host: 'localhost',
    path: '/',
    querystring: '',
    query: { [RECORDER]: recorder },
    state: { tenant: {}, limits: {} },
  } as unknown as PageContext;
  let list: List<z.ZodObject> | null = null;
  try {
    list = listOf(ctx);
  } catch {
    // The list depends on the request.
  }
  return {
    row: list?.row ?? null,
    parameters: [
      ...parameters,
      ...declaredParameters('query', paging === 'numbered' ? pageParameters : cursorParameters, schemas),
    ],
  };
}

/** Returns the path as in OpenAPI, and its parameters. */
export function pathParameters(path: string): Readonly<{ template: string; parameters: readonly Json[] }> {
  const names = [...path.matchAll(/:([A-Za-z0-9_]+)/g)].map(([, name = '']) => name);
  const template = path.replaceAll(/:([A-Za-z0-9_]+)/g, '{$1}').replace(/\/*$/, '/');
  return {
    template,
    parameters: names.map((name) => ({
      name,
      in: 'path',
      required: true,
      description: /^(?:.*_)?id$/.test(name) ? 'ID of the row.' : `The ${name.replaceAll('_', ' ')}.`,
      schema: /^(?:.*_)?id$/.test(name) ? { type: 'integer', minimum: 0 } : { type: 'string' },
    })),
  };
}

/** Returns parameters with zod schemas. */
export const declaredParameters = (
  place: 'query' | 'header',
  declared: Readonly<Record<string, z.ZodType>> | undefined,
  schemas: Schemas,
): readonly Json[] =>
  Object.entries(declared ?? {}).map(([name, schema]) => {
    const { description, ...json } = schemas.input(schema);
    return {
      name,
      in: place,
      ...(description === undefined ? {} : { description }),
      ...(schema.safeParse(undefined).success ? {} : { required: true }),
      schema: json,
    };
  });

/** The number of rows of all pages. Viewers would show its maximum as an example. */
const rowCount = z
  .int()
  .min(0)
  .meta({ examples: [123] });

/** Pages by their row, so that equal pages are one named schema. */
const pages = new WeakMap<z.ZodType, Map<string, z.ZodType>>();

/** Returns the schema of a page with rows of this schema. */
export function pageOfRows(row: z.ZodType, paging: ListDescription['paging']): z.ZodType {
  const known = pages.get(row)?.get(paging);
  if (known) {
    return known;
  }
  const envelope = z.object({
    ...(paging === 'numbered' ? { count: rowCount } : {}),
    next: z.url().nullable(),
    previous: z.url().nullable(),
    results: z.array(row),
  });
  const { id } = z.globalRegistry.get(row) ?? {};
  const page = id === undefined ? envelope : envelope.meta({ id: `Paginated${id}List` });
  pages.set(row, new Map([...(pages.get(row) ?? []), [paging, page]]));
  return page;
}
