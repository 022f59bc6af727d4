import { setFlagsFromString } from 'node:v8';
import type { ParseResult } from 'libpg-query';

// V8 would optimize 2 MB of WebAssembly in the background. That costs 0.5 s of CPU time, several times
// more than parsing all migrations without it.
setFlagsFromString('--no-wasm-tier-up --no-wasm-dynamic-tiering');
export const { parse, parsePlPgSQL } = await import('libpg-query');

/** A node of a parse tree. */
export type Node = Readonly<Record<string, unknown>>;

export const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;

export type Statement = NonNullable<ParseResult['stmts']>[number];

/** Returns the line of an offset in bytes. Leading white space is skipped: a statement begins after it. */
export function lineAt(text: Buffer, at: number): number {
  const before = text.subarray(0, at).toString();
  const [space = ''] = /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/.exec(text.subarray(at).toString()) ?? [];
  return `${before}${space}`.split('\n').length;
}

/** A name that is qualified with the schema of one tenant, or a syntax error, with its line. */
export type SqlFault = Readonly<{ line: number; fault: string }>;

/** The tables that a text creates or renames, and those that its foreign keys reference, with the lines. */
export type TableNames = Readonly<{
  created: readonly string[];
  referenced: ReadonlyArray<Readonly<{ table: string; line: number }>>;
}>;

type Reference = Readonly<{ table: string; at: number }>;

/** Yields the tables that foreign keys reference. */
function* referencesIn(node: unknown): Generator<Reference> {
  if (Array.isArray(node)) {
    for (const each of node) {
      yield* referencesIn(each);
    }
  } else if (isNode(node)) {
    const { contype, pktable, location } = node;
    if (contype === 'CONSTR_FOREIGN' && isNode(pktable) && typeof pktable.relname === 'string') {
      yield { table: pktable.relname, at: typeof location === 'number' ? location : 0 };
    }
    for (const value of Object.values(node)) {
      yield* referencesIn(value);
    }
  }
}

/** Returns the table that a statement creates, or the new name that it gives one. */
function createdBy({ stmt }: Statement): string | null {
  const { CreateStmt, CreateTableAsStmt, RenameStmt } = (stmt ?? {}) as Readonly<Record<string, Node>>;
  const { rel } = (CreateTableAsStmt?.into ?? {}) as Node;
  const relation = CreateStmt?.relation ?? rel;
  const name =
    RenameStmt?.renameType === 'OBJECT_TABLE' ? RenameStmt.newname : isNode(relation) && relation.relname;
  return typeof name === 'string' ? name : null;
}

/** Returns the tables that a text creates and references. None for a text with a syntax error. */
export async function findTables(text: string): Promise<TableNames> {
  const { stmts = [] } = await parse(text).catch((): ParseResult => ({}) as ParseResult);
  const bytes = Buffer.from(text);
  return {
    created: stmts.map(createdBy).filter((name) => name !== null),
    referenced: [...referencesIn(stmts)].map(({ table, at }) => ({ table, line: lineAt(bytes, at) })),
  };
}

/** Returns the fault of a text that `parse` has rejected. */
export function syntaxFault(text: string, error: unknown): SqlFault {
  const { message, sqlDetails } = error as { message: string; sqlDetails?: { cursorPosition?: number } };
  const before = [...text].slice(0, sqlDetails?.cursorPosition ?? 0).join('');
  return { line: before.split('\n').length, fault: message };
}

/** Returns the syntax error of a text, or null. */
export async function findSyntaxError(text: string): Promise<SqlFault | null> {
  try {
    await parse(text);
    return null;
  } catch (error) {
    return syntaxFault(text, error);
  }
}

/** Returns the statements of a text, each without its semicolon; null for a text with a syntax error. */
export async function parseStatements(text: string): Promise<readonly string[] | null> {
  const bytes = Buffer.from(text);
  try {
    const { stmts = [] } = await parse(text);
    return stmts.map(({ stmt_location: at = 0, stmt_len: length }) =>
      bytes.subarray(at, length === undefined ? undefined : at + length).toString(),
    );
  } catch {
    return null;
  }
}
