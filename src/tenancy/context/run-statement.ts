import pg from 'pg';
import { type QuerySqlToken, sql } from 'slonik';

import type { TenantId } from '../registry/tenant.ts';
import { type TenantDatabase, withTenant } from './with-tenant.ts';

export type StatementResult = Readonly<{
  /** What PostgreSQL says it did: SELECT, INSERT … */
  command: string;
  columns: ReadonlyArray<Readonly<{ name: string; type: number }>>;
  /** As PostgreSQL writes them, null for null. Of columns of one name the last one is here. */
  rows: ReadonlyArray<Readonly<Record<string, string | boolean | null>>>;
  rowCount: number;
}>;

/** Values as PostgreSQL writes them, with every digit; booleans, which `tenancy.enter` answers too, as booleans. */
export const TEXT_TYPES = {
  getTypeParser: (oid: number) =>
    oid === pg.types.builtins.BOOL ? (text: string) => text === 't' : (text: string) => text,
} as unknown as pg.CustomTypesConfig;

/**
 * Runs one statement of an operator inside a tenant's walls, in a transaction of
 * its own: what a request of that tenant could do, and nothing else.
 *
 * `gate` is one whose connection reads values with `TEXT_TYPES`.
 *
 * @throws DomainError `statement_refused` for what does not read or write rows; PostgreSQL's own error
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

/** What of an error is PostgreSQL's own: its sentence, and its hint on a second line. Null for any other. */
export function postgresSentence(error: unknown): string | null {
  // Slonik's own errors hold the cause in an object that is no error.
  type Caused = Partial<pg.DatabaseError> & { cause?: unknown };
  let at = error as Caused | undefined;
  for (let depth = 0; typeof at === 'object' && at !== null && depth < 5; depth += 1) {
    const { severity, code, message, detail, hint } = at;
    // Those of classes KT, 53 and 57 are about the tenant or the server, not about the statement.
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
