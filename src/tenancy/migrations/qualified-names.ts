import type { ParseResult } from 'libpg-query';

import {
  isNode,
  lineAt,
  parse,
  parsePlPgSQL,
  type SqlFault,
  type Statement,
  syntaxFault,
} from './parse-sql.ts';

/** A name with a schema, and its position in the text as an offset in UTF-8 bytes, as the parser counts. */
type Qualified = Readonly<{ schema: string; at: number }>;

/** Schemas that all tenants share. */
const COMMON = new Set(['pg_catalog', 'information_schema', 'pg_temp', 'tenancy', 'global', 'extensions']);

/** Returns the parts of a name as strings. `*` becomes the empty string. */
const partsOf = (list: readonly unknown[]): readonly string[] =>
  list.map((part) =>
    isNode(part) && isNode(part.String) && typeof part.String.sval === 'string' ? part.String.sval : '',
  );

/**
 * Keys of the parse tree with a list of names, and the minimum number of parts at which the first part
 * is a schema.
 */
const LISTS: Readonly<Record<string, number>> = {
  names: 2,
  funcname: 2,
  objname: 2,
  typeName: 2,
  domainname: 2,
  defnames: 2,
  collname: 2,
  opclass: 2,
  opclassname: 2,
  opfamilyname: 2,
  // An operator: operator(schema.+).
  name: 2,
  // A column: schema.table.column.
  fields: 3,
};

/** Objects that belong to a table, whose name begins with that of the table. */
const OF_TABLE = new Set([
  'OBJECT_COLUMN',
  'OBJECT_POLICY',
  'OBJECT_RULE',
  'OBJECT_TABCONSTRAINT',
  'OBJECT_TRIGGER',
]);

function* namesIn(node: unknown, near: number, listed = 2): Generator<Qualified> {
  if (Array.isArray(node)) {
    for (const each of node) {
      yield* namesIn(each, near, listed);
    }
    return;
  }
  if (!isNode(node)) {
    return;
  }
  const at = typeof node.location === 'number' ? node.location : near;
  if (typeof node.relname === 'string' && typeof node.schemaname === 'string') {
    yield { schema: node.schemaname, at };
  }
  if (typeof node.newschema === 'string') {
    yield { schema: node.newschema, at };
  }
  const kind = node.removeType ?? node.objtype ?? node.objectType ?? node.renameType;
  const inList =
    typeof kind === 'string' ? (OF_TABLE.has(kind) ? 3 : 2) : node.defname === 'owned_by' ? 3 : listed;
  if (Array.isArray(node.items)) {
    yield* firstOf(node.items, listed, at);
  }
  for (const [key, value] of Object.entries(node)) {
    const least = LISTS[key];
    if (least !== undefined && Array.isArray(value)) {
      // Type of a column: table.column%type.
      yield* firstOf(value, node.pct_type === true ? 3 : least, at);
    }
    yield* namesIn(value, at, inList);
  }
}

function* firstOf(list: readonly unknown[], least: number, at: number): Generator<Qualified> {
  const [schema = ''] = partsOf(list);
  if (list.length >= least && schema !== '') {
    yield { schema, at };
  }
}

/** The text of a function or a `do` block in a language, with the position of its statement. */
type Body = Readonly<{ language: string; text: string; statement: string; at: number }>;

function bodyOf({ stmt, stmt_location: start = 0, stmt_len: length }: Statement, text: Buffer): Body | null {
  const [[kind, node] = ['', null]] = Object.entries(stmt ?? {});
  if ((kind !== 'CreateFunctionStmt' && kind !== 'DoStmt') || !isNode(node)) {
    return null;
  }
  const given = (kind === 'DoStmt' ? node.args : node.options) as readonly unknown[] | undefined;
  const options = new Map(
    (given ?? []).flatMap((option) => {
      const element = isNode(option) && isNode(option.DefElem) ? option.DefElem : null;
      return element ? [[String(element.defname), element.arg] as const] : [];
    }),
  );
  const [body] = partsOf(
    [options.get('as')].flatMap((as) =>
      isNode(as) && isNode(as.List) ? (as.List.items as unknown[]) : [as],
    ),
  );
  const [language = ''] = partsOf([options.get('language')]);
  return body
    ? {
        language: language || 'plpgsql',
        text: body,
        statement: text.subarray(start, length === undefined ? undefined : start + length).toString(),
        at: start,
      }
    : null;
}

/** Yields the texts of the queries in PL/pgSQL's parse tree. */
function* queriesIn(node: unknown): Generator<string> {
  if (Array.isArray(node)) {
    for (const each of node) {
      yield* queriesIn(each);
    }
  } else if (isNode(node)) {
    if (typeof node.query === 'string') {
      yield node.query;
    }
    for (const value of Object.values(node)) {
      yield* queriesIn(value);
    }
  }
}

/**
 * Parses a query of PL/pgSQL, which may be an expression or an assignment. Returns null for text that
 * cannot be parsed.
 */
async function parseQuery(query: string): Promise<ParseResult | null> {
  for (const text of [query, `select ${query}`, `select ${query.replace(/^[^=]*?:?=/, '')}`]) {
    try {
      return await parse(text);
    } catch {
      // Try the next form.
    }
  }
  return null;
}

async function namesInBody({ language, text, statement, at }: Body): Promise<readonly Qualified[]> {
  const parsed: Array<ParseResult | null> = [];
  if (language === 'sql') {
    parsed.push(await parse(text).catch(() => null));
  } else if (language === 'plpgsql') {
    const tree = await parsePlPgSQL(statement).catch(() => null);
    for (const query of queriesIn(tree)) {
      parsed.push(await parseQuery(query));
    }
  }
  return parsed.flatMap((result) => [...namesIn(result?.stmts, at)].map(({ schema }) => ({ schema, at })));
}

/**
 * Finds names with a schema in the statements of a tenant migration, and in bodies of functions in SQL
 * and PL/pgSQL, with the parser of PostgreSQL 18. Schemas that all tenants share are accepted. Text of
 * dynamic SQL is not parsed.
 *
 * If there is a syntax error, only that is returned.
 */
export async function findQualifiedNames(text: string): Promise<readonly SqlFault[]> {
  const bytes = Buffer.from(text);
  let parsed: ParseResult;
  try {
    parsed = await parse(text);
  } catch (error) {
    return [syntaxFault(text, error)];
  }
  const found: Qualified[] = [];
  for (const statement of parsed.stmts ?? []) {
    const at = statement.stmt_location ?? 0;
    found.push(...namesIn(statement.stmt, at));
    const body = bodyOf(statement, bytes);
    if (body) {
      found.push(...(await namesInBody(body)));
    }
  }
  const faults = new Map<string, SqlFault>();
  for (const { schema, at } of found) {
    if (!COMMON.has(schema)) {
      const line = lineAt(bytes, at);
      faults.set(`${line} ${schema}`, {
        line,
        fault: `"${schema}." is a schema: names in tenant migrations must be unqualified`,
      });
    }
  }
  return [...faults.values()].sort((one, other) => one.line - other.line);
}
