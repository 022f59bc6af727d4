import pg from 'pg';
import { type QuerySqlToken, sql } from 'slonik';

import type { TenantId } from '../registry/tenant.ts';
import { type TenantDatabase, withTenant } from './with-tenant.ts';

export type StatementResult = Readonly<{
  /** The command tag of PostgreSQL: SELECT, INSERT … */
  command: string;
  columns: ReadonlyArray<Readonly<{ name: string; type: number }>>;
  /** Values as PostgreSQL writes them, and null. If columns share a name, the last one wins. */
  rows: ReadonlyArray<Readonly<Record<string, string | boolean | null>>>;
  rowCount: number;
}>;

/**
 * Returns values as the text that PostgreSQL writes, with every digit. Booleans are parsed.
 */
export const TEXT_TYPES = {
  getTypeParser: (oid: number) =>
    oid === pg.types.builtins.BOOL ? (text: string) => text === 't' : (text: string) => text,
} as unknown as pg.CustomTypesConfig;

/**
 * Runs one statement of an operator inside a tenant, in its own transaction and with the rights of a
 * request of that tenant.
 *
 * The connections of `tenantDatabase` must read values with `TEXT_TYPES`.
 *
 * @throws DomainError `statement_refused` for a statement that does not read or write rows;
 *   PostgreSQL's own error
 */
export async function runStatement(
  tenantDatabase: TenantDatabase,
  { tenant, text, readOnly }: { tenant: TenantId; text: string; readOnly: boolean },
): Promise<StatementResult> {
  return withTenant(tenantDatabase, { tenant, readOnly }, async (tx) => {
    const query = { ...sql.unsafe`select`, sql: text } as QuerySqlToken;
    const { command, fields, rows, rowCount } = await tx.query(query);
    return {
      command,
      columns: fields.map(({ name, dataTypeId }) => ({ name, type: dataTypeId })),
      rows: rows as StatementResult['rows'],
      rowCount,
    };
  });
}

/** Returns the message of PostgreSQL's error, with its hint on a second line. Null for other errors. */
export function postgresSentence(error: unknown): string | null {
  // Slonik's own errors keep the cause in an object that is not an Error.
  type Caused = Partial<pg.DatabaseError> & { cause?: unknown };
  let at = error as Caused | undefined;
  for (let depth = 0; typeof at === 'object' && at !== null && depth < 5; depth += 1) {
    const { severity, code, message, detail, hint } = at;
    // Errors of classes KT, 53 and 57 are about the tenant or the server, not about the statement.
    if (severity !== undefined && !/^(KT|53|57)/.test(code ?? '')) {
      return [
        `${severity}: ${message}`,
        ...(detail ? [`DETAIL: ${detail}`] : []),
        ...(hint ? [`HINT: ${hint}`] : []),
      ].join('\n');
    }
    at = at.cause as Caused | undefined;
  }
  return null;
}
