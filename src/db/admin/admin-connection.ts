import pg from 'pg';

/** A transaction of the migrating login whose end its opener chooses. */
export type AdminTransaction = Readonly<{
  client: pg.Client;
  commit: () => Promise<void>;
  /** Ends the connection. Without a commit before it, this is the rollback. */
  end: () => Promise<void>;
}>;

/**
 * Opens a direct connection of the migrating login, and a transaction on it. For
 * work that spans databases; everything else is `withOwner`.
 */
export async function openAdminTransaction(connection: pg.ClientConfig): Promise<AdminTransaction> {
  const client = new pg.Client({ ...connection, application_name: 'koa-tenants owner' });
  // An error between two queries would otherwise end the process.
  client.on('error', () => {});
  await client.connect();
  await client.query('begin').catch(async (error: unknown) => {
    await client.end();
    throw error;
  });
  return {
    client,
    commit: async () => {
      await client.query('commit');
    },
    end: () => client.end(),
  };
}

/**
 * Runs `work` on a direct connection of the migrating login, in one transaction:
 * saved when `work` resolves, undone when it throws. Never behind a pooler.
 */
export async function withAdminConnection<T>(
  connection: pg.ClientConfig,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const { client, commit, end } = await openAdminTransaction(connection);
  try {
    const result = await work(client);
    await commit();
    return result;
  } finally {
    await end();
  }
}
