import pg from 'pg';

import { beginSql } from './actor.ts';

/** A transaction of the migrating login that its opener commits or ends. */
export type AdminTransaction = Readonly<{
  client: pg.Client;
  commit: () => Promise<void>;
  /** Closes the connection. Without a commit before, this rolls back. */
  end: () => Promise<void>;
}>;

/**
 * Opens a direct connection of the migrating login, and a transaction on it. For operations that span
 * databases; otherwise use `withAdminConnection`.
 */
export async function openAdminTransaction(connection: pg.ClientConfig): Promise<AdminTransaction> {
  const client = new pg.Client({ ...connection, application_name: 'koa-tenants owner' });
  // An error between two queries would otherwise end the process.
  client.on('error', () => {});
  await client.connect();
  await client.query(beginSql()).catch(async (error: unknown) => {
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
 * Runs `work` in one transaction on a direct connection of the migrating login. Commits when `work`
 * resolves, and rolls back when it throws. Must not go through a pooler.
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
