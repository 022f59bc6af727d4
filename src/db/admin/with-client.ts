import pg from 'pg';

import { cancelStatement } from '../driver/cancel-statement.ts';
import { connectionTo } from './connection-config.ts';
import { unreachable } from './unreachable.ts';

/** The operations of a connection, and whether it is encrypted. */
export type Connected = Pick<pg.Client, 'query' | 'on'> & Readonly<{ encrypted: boolean }>;

/**
 * Runs `work` on its own connection, without the tenants' driver.
 *
 * @param timeoutMs maximum milliseconds to connect, and for each query
 * @throws DomainError `database_unavailable` naming the server; PostgreSQL's errors and those of
 *   `work`
 */
export async function withClient<T>(
  url: string,
  { applicationName, timeoutMs }: { applicationName: string; timeoutMs: number },
  work: (client: Connected) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    ...connectionTo(url),
    application_name: applicationName,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
  });
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    throw unreachable(url, error);
  }
  const { stream } = (client as unknown as { connection: { stream: { encrypted?: boolean } } }).connection;
  try {
    return await work(Object.assign(client, { encrypted: stream.encrypted === true }));
  } finally {
    // After a timeout, PostgreSQL would run the statement to its end.
    if (!(client as unknown as { readyForQuery: boolean }).readyForQuery) {
      await cancelStatement(client);
    }
    await client.end();
  }
}
