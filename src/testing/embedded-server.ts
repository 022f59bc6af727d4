import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

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
    return {
      url: server.url,
      stop: async () => {
        await server.stop();
        for (const folder of new Set([dataDir, server.dataDir])) {
          await rm(folder, { recursive: true, force: true });
        }
      },
    };
  } catch (error) {
    await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
}
