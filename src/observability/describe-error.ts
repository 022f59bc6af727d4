import { failedStatement } from '../db/driver/failed-statement.ts';
import { safeMessage } from '../db/safe-message.ts';
import { maskLiterals } from '../db/sql/mask-literals.ts';
import { SQLSTATE } from '../db/sqlstate.ts';
import { type DatabaseFields, databaseFields } from '../db/violations.ts';

/** Maximum characters of a statement in a log. */
const MAX_STATEMENT = 2_000;

/**
 * Masks the literals of a statement. One that PostgreSQL could not parse may have a value where a
 * name is expected, for example after an unescaped quote. Only the text before the error position
 * is reliable.
 */
function maskStatement(text: string, fields: DatabaseFields | null): string {
  const { code, position } = fields ?? {};
  const isUnread = code === SQLSTATE.SYNTAX_ERROR;
  const reliable = isUnread ? [...text].slice(0, Math.max(0, Number(position ?? 1) - 1)).join('') : text;
  return `${maskLiterals(reliable)}${isUnread ? ' …' : ''}`.slice(0, MAX_STATEMENT);
}

type Issue = Readonly<{ path?: unknown; code?: unknown }>;

/** Returns the paths at which input or a row violates its schema. Messages of issues may quote values. */
const pathsOf = (issues: readonly Issue[]): readonly string[] =>
  issues.map(({ path, code }) => {
    const parts = Array.isArray(path) ? path : [];
    const names = parts.map((part) => (typeof part === 'object' && part !== null ? part.key : part));
    return `${names.join('.') || '(root)'}${typeof code === 'string' ? `: ${code}` : ''}`;
  });

type Parts = {
  name?: unknown;
  code?: unknown;
  stack?: string;
  sql?: unknown;
  issues?: unknown;
  cause?: unknown;
};

/**
 * Returns what a log may contain of an error: never a value of a parameter, of a row or of a
 * request.
 *
 * Slonik and pg attach the statement, its values and the failing row to their errors, and
 * PostgreSQL quotes values in some messages and in every `detail`. Of a database error these parts
 * are kept: SQLSTATE, the message if its SQLSTATE excludes values, the statement with its literals
 * masked, and the names of schema, table, column and constraint.
 *
 * @param development whether to add the paths at which a zod schema was violated
 */
export function describeError(
  error: unknown,
  { development = false }: { development?: boolean } = {},
  depth = 0,
): Record<string, unknown> {
  if (!(error instanceof Error)) {
    return { kind: typeof error };
  }
  const { name, code, stack = '', sql, issues, cause } = error as Parts;
  const fields = databaseFields(error);
  const isReport = fields === (error as unknown);
  const text = depth === 0 ? (failedStatement(error) ?? (typeof sql === 'string' ? sql : null)) : null;
  const masked = text === null ? undefined : maskStatement(text, fields);
  // Neither PostgreSQL's message, nor derived from it, nor a list of issues.
  const isPlain = !fields && !('sql' in error) && !Array.isArray(issues);
  const message = isReport
    ? (safeMessage(fields as DatabaseFields, maskStatement(failedStatement(error) ?? '', fields)) ??
      undefined)
    : isPlain
      ? error.message
      : undefined;
  return {
    // Slonik's errors have a class but no name of their own.
    name: name === 'Error' ? error.constructor.name : name,
    code,
    message,
    statement: masked,
    ...(isReport
      ? {
          schema: fields?.schema,
          table: fields?.table,
          column: fields?.column,
          constraint: fields?.constraint,
        }
      : {}),
    ...(development && Array.isArray(issues) ? { paths: pathsOf(issues) } : {}),
    stack: stack
      .split('\n')
      .filter((line) => /^\s+at /.test(line))
      .join('\n'),
    ...(cause && depth < 3 ? { cause: describeError(cause, { development }, depth + 1) } : {}),
  };
}
