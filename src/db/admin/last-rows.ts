import type pg from 'pg';

/** Runs statements in one round trip and answers the rows of the last that has any columns. */
export async function lastRows<Row>(client: pg.ClientBase, text: string): Promise<Row[]> {
  const answered = (await client.query(text)) as unknown as pg.QueryResult | pg.QueryResult[];
  return ([answered].flat().findLast(({ fields }) => fields.length > 0)?.rows ?? []) as Row[];
}
