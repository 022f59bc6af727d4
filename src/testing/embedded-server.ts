import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';

import { startEmbeddedPostgres } from '../dev/embedded-postgres/start-embedded-postgres.ts';

const MEMORY = '/dev/shm';
const NEEDED_BYTES = 4 * 1024 ** 3;

/**
 * Returns the folder for the data: in memory if there is room, otherwise the system's temporary folder.
 * Every new database is several hundred files, which some file systems create slowly.
 */
async function chooseFolder(): Promise<string> {
  try {
    const { bavail, bsize } = await statfs(MEMORY);
    return !process.env.TMPDIR && bavail * bsize >= NEEDED_BYTES ? MEMORY : tmpdir();
  } catch {
    return tmpdir();
  }
}

/** Returns what PostgreSQL stores for a password, with one iteration. */
function verifierOf(password: string): string {
  const salt = randomBytes(16);
  const key = pbkdf2Sync(password, salt, 1, 32, 'sha256');
  const sign = (text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const stored = createHash('sha256').update(sign('Client Key')).digest('base64');
  return `SCRAM-SHA-256$1:${salt.toString('base64')}$${stored}:${sign('Server Key').toString('base64')}`;
}

/**
 * Stores the superuser's password, and since PostgreSQL 16 those of later logins, with one iteration instead of 4096:
 * deriving the key takes a third of the time that a client needs to connect.
 */
export async function simplifyPasswords(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(
      `select from pg_catalog.pg_settings as s where s.name = 'scram_iterations'`,
    );
    if (rows.length > 0) {
      await client.query('alter system set scram_iterations = 1');
      await client.query('select pg_reload_conf()');
    }
    const { username, password } = new URL(url);
    const verifier = verifierOf(decodeURIComponent(password));
    await client.query(`alter role ${pg.escapeIdentifier(username)} password ${pg.escapeLiteral(verifier)}`);
  } finally {
    await client.end();
  }
}

/**
 * Starts the PostgreSQL of the package embedded-postgres with data that `stop` removes. `binaries` is the folder of a
 * platform package of another version.
 */
export async function startEmbeddedServer(
  settings: Readonly<Record<string, string>> = {},
  binaries?: string,
): Promise<Readonly<{ url: string; stop: () => Promise<void> }>> {
  const dataDir = await mkdtemp(path.join(await chooseFolder(), 'koa-tenants-test-'));
  try {
    // Autovacuum would visit the database of every test, again and again.
    const server = await startEmbeddedPostgres({
      dataDir,
      durable: false,
      ...(binaries === undefined ? {} : { binaries }),
      settings: { autovacuum: 'off', ...settings },
    });
    const stop = async (): Promise<void> => {
      await server.stop();
      for (const folder of new Set([dataDir, server.dataDir])) {
        await rm(folder, { recursive: true, force: true });
      }
    };
    try {
      await simplifyPasswords(server.url);
    } catch (error) {
      await stop();
      throw error;
    }
    return { url: server.url, stop };
  } catch (error) {
    await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
}
