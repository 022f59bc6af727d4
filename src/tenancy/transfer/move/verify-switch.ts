import type pg from 'pg';

import { hasSqlState, SQLSTATE } from '../../../db/sqlstate.ts';
import { assertSame } from '../copy/assert-same.ts';
import { type Measure, measureTable } from '../copy/catch-up.ts';
import type { TableShape } from '../copy/tables.ts';
import { limitStatements } from './write-block.ts';

/** Returns the measure of a table, or null when it takes longer than `milliseconds`. */
async function measureWithin(
  client: pg.Client,
  { schema, table, milliseconds }: { schema: string; table: TableShape; milliseconds: number },
): Promise<Measure | null> {
  await client.query('savepoint measure');
  try {
    await limitStatements(client, milliseconds);
    const measure = await measureTable(client, schema, table);
    await client.query('release savepoint measure');
    return measure;
  } catch (error) {
    if (!hasSqlState(error, SQLSTATE.QUERY_CANCELED)) {
      throw error;
    }
    await client.query('rollback to savepoint measure');
    return null;
  }
}

/**
 * Counts and digests both sides of each table, the smallest first, until the time is over. Returns the
 * rows of the compared tables, by name.
 *
 * @throws OperatorError `precondition_failed` for a table that differs
 */
export async function verifySwitch(
  sourceClient: pg.Client,
  targetClient: pg.Client,
  {
    schema,
    tables,
    rows,
    left,
  }: {
    schema: string;
    tables: readonly TableShape[];
    rows: ReadonlyMap<string, number>;
    left: () => number;
  },
): Promise<ReadonlyMap<string, number>> {
  const verified = new Map<string, number>();
  const bySize = [...tables].sort((a, b) => (rows.get(a.name) ?? 0) - (rows.get(b.name) ?? 0));
  for (const table of bySize) {
    const milliseconds = left();
    if (milliseconds <= 0) {
      break;
    }
    const [theirs, ours] = await Promise.all(
      [sourceClient, targetClient].map((client) => measureWithin(client, { schema, table, milliseconds })),
    );
    if (!theirs || !ours) {
      break;
    }
    assertSame(schema, table, theirs, ours);
    verified.set(table.name, ours.rows);
  }
  return verified;
}
