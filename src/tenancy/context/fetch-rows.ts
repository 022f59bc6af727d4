import type { DatabaseTransactionConnection, QuerySqlToken } from 'slonik';
import type { z } from 'zod';

import { RowCursor } from '../../db/driver/entry.ts';
import type { RowsOf } from './query-single.ts';

/** Rows of the first part: their size is not known. */
const FIRST_COUNT = 50;
const MAX_COUNT = 500;
/** Characters of the other parts, roughly. */
const PART_SIZE = 256 * 1_024;

const sizeOf = (value: unknown): number =>
  typeof value === 'string'
    ? value.length
    : typeof value === 'object' && value !== null
      ? Object.values(value).reduce((sum: number, member) => sum + sizeOf(member), 8)
      : 8;

/**
 * Returns the rows of a query in parts of about 256 KiB, so that only one part is in memory. PostgreSQL runs the query
 * once, in one snapshot. The transaction must stay open until the last part.
 *
 *     for await (const rows of fetchRows(tx, sql.type(note.row)`select … from notes order by id`)) { … }
 *
 * `STATEMENT_TIMEOUT` and `MAX_RESULT_BYTES` apply to each part, and `IDLE_IN_TRANSACTION_TIMEOUT` between two parts.
 */
export async function* fetchRows<Schema extends z.ZodType>(
  tx: Pick<DatabaseTransactionConnection, 'query'>,
  query: QuerySqlToken<Schema>,
): AsyncGenerator<RowsOf<Schema>, void, undefined> {
  const cursor = new RowCursor(query.values, FIRST_COUNT);
  for (;;) {
    const { rows } = await tx.query({ ...query, values: cursor as never });
    if (rows.length > 0) {
      yield rows as unknown as RowsOf<Schema>;
    }
    if (rows.length < cursor.count) {
      return;
    }
    const rowsOfPart = Math.round((PART_SIZE / sizeOf(rows)) * rows.length);
    cursor.count = Math.max(1, Math.min(MAX_COUNT, rowsOfPart));
  }
}
