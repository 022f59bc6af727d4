import type pg from 'pg';

import { hasSqlState, SQLSTATE } from '../../../db/sqlstate.ts';
import { assertSame } from '../copy/assert-same.ts';
import { type Measure, measureTable } from '../copy/catch-up.ts';
import type { TableShape } from '../copy/tables.ts';
import { limitStatements } from './write-block.ts';

/** Returns the row count and digest of a table, or null when that takes longer than `timeoutMs`. */
async function measureWithin(
  client: pg.Client,
  { schema, table, timeoutMs }: { schema: string; table: TableShape; timeoutMs: number },
): Promise<Measure | null> {
  await client.query('savepoint measure');
  try {
    await limitStatements(client, timeoutMs);
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
 * Compares row counts and digests of the tables on source and target, smallest table first, until no time
 * is left. Returns the row counts of the compared tables, by name.
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
    left: remainingMs,
  }: {
    schema: string;
    tables: readonly TableShape[];
    /** Row counts at the time of the copy, by table name. They only decide the order. */
    rows: ReadonlyMap<string, number>;
    /** Returns the remaining milliseconds. */
    left: () => number;
  },
): Promise<ReadonlyMap<string, number>> {
  const verified = new Map<string, number>();
  const bySize = [...tables].sort((a, b) => (rows.get(a.name) ?? 0) - (rows.get(b.name) ?? 0));
  for (const table of bySize) {
    const timeoutMs = remainingMs();
    if (timeoutMs <= 0) {
      break;
    }
    const [source, target] = await Promise.all(
      [sourceClient, targetClient].map((client) => measureWithin(client, { schema, table, timeoutMs })),
    );
    if (!source || !target) {
      break;
    }
    assertSame(schema, table, source, target);
    verified.set(table.name, target.rows);
  }
  return verified;
}
