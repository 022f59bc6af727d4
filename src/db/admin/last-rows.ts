import type pg from 'pg';

/** Runs statements in one round trip, and returns the rows of the last one with columns. */
export async function lastRows<Row>(client: pg.ClientBase, text: string): Promise<Row[]> {
  const answered = (await client.query(text)) as unknown as pg.QueryResult | pg.QueryResult[];
  return ([answered].flat().findLast(({ fields }) => fields.length > 0)?.rows ?? []) as Row[];
}
