import type { DatabasePoolConnection, QuerySqlToken } from 'slonik';
import type { z } from 'zod';

import { type Entry, SingleStatement } from '../../db/driver/entry.ts';
import { parseRow } from '../../db/driver/row-parser.ts';
import type { Row } from '../../db/driver/row-shape.ts';
import { borrowConnection } from './borrow-connection.ts';
import type { SingleEntering } from './entry-statement.ts';
import type { TenantDatabase } from './tenant-database.ts';

/** The rows of a query, as its schema returns them. */
export type RowsOf<Schema extends z.ZodType> = ReadonlyArray<z.output<Schema>>;

/** What Slonik's connection runs its queries with: the driver's client, with a check of its state. */
type Client = Readonly<{
  query: (text: string, values: unknown) => Promise<Readonly<{ rows: readonly Row[] }>>;
}>;

/**
 * The driver's texts by those of Slonik. Looking up a string that is the same object is cheaper than replacing: V8 has its
 * hash already, and compares no characters.
 */
const texts = new Map<string, string>();
const MAX_TEXTS = 1_000;
/** Maximum length of a text in `texts`. */
const MAX_TEXT_LENGTH = 4_000;

/** Returns a text with `$1` in place of `$slonik_1`. Slonik's own queries replace it in the same way. */
function textOf(sql: string): string {
  const known = texts.get(sql);
  if (known !== undefined) {
    return known;
  }
  const text = sql.replaceAll('$slonik_', '$');
  if (texts.size < MAX_TEXTS && sql.length <= MAX_TEXT_LENGTH) {
    texts.set(sql, text);
  }
  return text;
}

/**
 * Runs a query on a connection of Slonik and validates its rows, without Slonik's interceptors, retries, logs and
 * events, which cost a tenth of a request's processor time. The driver does what a single statement needs of them.
 */
async function queryDirectly(
  connection: DatabasePoolConnection,
  query: QuerySqlToken,
  entry: Entry,
): Promise<readonly Row[]> {
  const { connection: client } = connection as unknown as Readonly<{ connection: Client }>;
  const values = new SingleStatement(entry, query.values);
  const sql = textOf(query.sql);
  const { rows } = await client.query(sql, values);
  // An error contains its query, and must not contain the values.
  const sent = { sql, values: values as never };
  return rows.map((row) => parseRow(query.parser, sent, row));
}

/**
 * Runs one query inside a tenant, as a transaction of its own: entry, guards, query and reset leave in
 * one network write. Returns its rows, validated with its schema.
 *
 * PostgreSQL commits before Node sees a row. So a query that writes needs guards that raise an error in
 * SQL (`raises`), and PostgreSQL checks the tenant's status: `admitted`.
 *
 * @throws ApiError `outcome_unknown` when the connection was lost while PostgreSQL may have
 *   committed; any error of the concurrency limiter, the entry, a guard or the query, when nothing was
 *   saved
 */
export function querySingle<Schema extends z.ZodType>(
  tenantDatabase: TenantDatabase,
  entering: SingleEntering,
  query: QuerySqlToken<Schema>,
): Promise<RowsOf<Schema>> {
  return borrowConnection(
    tenantDatabase,
    entering,
    entering.admitted,
    (connection, entry) => queryDirectly(connection, query, entry) as Promise<RowsOf<Schema>>,
  );
}
