import { createHash } from 'node:crypto';
import pg from 'pg';

/** Returns PostgreSQL's number for the lock of a name. */
export const lockKey = (name: string): string =>
  createHash('sha256').update(name).digest().readBigInt64BE(0).toString();

/**
 * Takes a lock that lasts as long as its connection, so that a killed process leaves none. Returns
 * null when another session holds it.
 *
 * Requires a direct connection: a pooler may share one session between clients.
 */
export async function takeSessionLock(
  connection: pg.ClientConfig,
  name: string,
): Promise<{ release: () => Promise<void> } | null> {
  const client = new pg.Client({ ...connection, application_name: 'koa-tenants lock' });
  // If the server closes the connection, the lock is released too.
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<{ taken: boolean }>(
      'select pg_catalog.pg_try_advisory_lock($1) as taken',
      [lockKey(name)],
    );
    if (rows[0]?.taken) {
      return { release: () => client.end() };
    }
  } catch (error) {
    await client.end();
    throw error;
  }
  await client.end();
  return null;
}
