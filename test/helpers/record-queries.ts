import pg from 'pg';

type Query = Readonly<{ text: string; hasValues: boolean }>;

/** Returns all queries that clients of `pg` send in this process while `work` runs. */
export async function recordQueries(work: () => Promise<unknown>): Promise<readonly Query[]> {
  const queries: Query[] = [];
  const prototype = pg.Client.prototype as unknown as { query: (...args: unknown[]) => unknown };
  const { query } = prototype;
  prototype.query = function recorded(this: unknown, ...args: unknown[]) {
    const [config, values] = args;
    const { text, values: own } = typeof config === 'string' ? { text: config } : (config as pg.QueryConfig);
    queries.push({ text, hasValues: (values ?? own) !== undefined });
    return query.apply(this, args);
  };
  try {
    await work();
  } finally {
    prototype.query = query;
  }
  return queries;
}
