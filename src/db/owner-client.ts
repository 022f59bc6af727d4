import pg from 'pg';

/**
 * Runs `work` on a direct connection of the migrating login, in one transaction:
 * saved when `work` resolves, undone when it throws. Never behind a pooler.
 */
export async function withOwner<T>(
  connection: pg.ClientConfig,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ ...connection, application_name: 'koa-tenants owner' });
  // An error between two queries would otherwise end the process.
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } finally {
    // Without a commit, the end of the connection is the rollback.
    await client.end();
  }
}
