import { createHash } from 'node:crypto';
import pg from 'pg';

/** The number by which PostgreSQL knows the lock of a name. */
export const lockKey = (name: string): string =>
  createHash('sha256').update(name).digest().readBigInt64BE(0).toString();

/**
 * Takes a lock that lasts as long as its connection, so that a killed process
 * leaves none behind. Null when somebody else holds it.
 *
 * On a direct connection: behind a pooler two sessions are one.
 */
export async function takeSessionLock(
  connection: pg.ClientConfig,
  name: string,
): Promise<{ release: () => Promise<void> } | null> {
  const client = new pg.Client({ ...connection, application_name: 'koa-tenants lock' });
  // The server may go first; the lock goes with it.
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
