import { z } from 'zod';

/** The words of an operation: as drf-spectacular names operations. */
type Words = Readonly<{ operationId: string; summary: string; success: string }>;

type Known = Readonly<{
  request: z.ZodType | null;
  response: z.ZodType | null | undefined;
  /** Row of the resource's serializer. DELETE has no other schema. */
  row: z.ZodType | null;
  isList: boolean;
}>;

const ACTIONS: Readonly<Record<string, string>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'partial_update',
  DELETE: 'destroy',
};

const VERBS: Readonly<Record<string, string>> = {
  list: 'List',
  retrieve: 'Get',
  create: 'Create',
  update: 'Replace',
  partial_update: 'Change',
  destroy: 'Delete',
};

const SUCCESS: Readonly<Record<string, string>> = {
  list: 'The rows.',
  retrieve: 'The row.',
  create: 'The new row.',
  update: 'The changed row.',
  partial_update: 'The changed row.',
  destroy: 'The row is deleted.',
};

/** Returns the noun of a path: its last word. */
const nounOf = (path: string): string =>
  (
    path
      .split('/')
      .filter((word) => word !== '' && !word.startsWith(':'))
      .at(-1) ?? 'root'
  ).replaceAll(/[-_]/g, ' ');

/** Returns "a project" for a schema with the name Project. */
function rowOf(schemas: ReadonlyArray<z.ZodType | null | undefined>): string | null {
  const id = schemas
    .map((schema) => schema && z.globalRegistry.get(schema)?.id)
    .find((name) => typeof name === 'string')
    ?.replace(/Request$/, '');
  if (!id) {
    return null;
  }
  const words = id.replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase();
  return `${/^[aeiou]/.test(words) ? 'an' : 'a'} ${words}`;
}

/** Returns the operation's ID, and the texts that its app did not write. */
export function describeInWords(path: string, method: string, known: Known): Words {
  const action = method === 'GET' ? (known.isList ? 'list' : 'retrieve') : (ACTIONS[method] ?? 'call');
  const words = path.split('/').filter((word) => word !== '' && word !== 'api' && !word.startsWith(':'));
  const { request, response, row } = known;
  const named = rowOf(action === 'destroy' ? [row] : [response, request]);
  const noun = action === 'list' ? nounOf(path) : (named ?? `the ${nounOf(path)}`);
  return {
    operationId: [...words, action].join('_').replaceAll(/[^A-Za-z0-9_]/g, '_'),
    summary: `${VERBS[action]} ${noun}`,
    success: SUCCESS[action] ?? 'The result.',
  };
}
