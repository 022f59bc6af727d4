import { chown, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { startEmbeddedPostgres } from '../../src/dev/embedded-postgres/start-embedded-postgres.ts';

/** A PostgreSQL server of one test, which may stop it. */
export type OwnServer = Readonly<{
  url: string;
  /** Sends SIGKILL to the postmaster: nothing is flushed, and clients get no message. */
  kill: () => Promise<void>;
  /** Starts it again on the same port, if it does not run. */
  restart: () => Promise<void>;
  /** Restarts it in recovery, as a standby without a primary. `pg_promote()` ends the recovery. */
  restartAsStandby: () => Promise<void>;
  /** Ends it and removes its data. */
  close: () => Promise<void>;
}>;

/** Starts it crash-safe, with its data in a folder: acknowledged writes must survive. */
export async function startOwnServer(folder: string): Promise<OwnServer> {
  let server = await startEmbeddedPostgres({ dataDir: folder });
  return {
    url: server.url,
    kill: async () => {
      const [pid] = (await readFile(join(server.dataDir, 'cluster', 'postmaster.pid'), 'utf8')).split('\n');
      process.kill(Number(pid), 'SIGKILL');
    },
    restart: async () => {
      server = await startEmbeddedPostgres({ dataDir: folder });
    },
    restartAsStandby: async () => {
      await server.stop();
      const cluster = join(server.dataDir, 'cluster');
      const signal = join(cluster, 'standby.signal');
      await writeFile(signal, '');
      const { uid, gid } = await stat(cluster);
      await chown(signal, uid, gid);
      server = await startEmbeddedPostgres({ dataDir: folder });
    },
    close: async () => {
      await server.stop();
      for (const place of new Set([folder, server.dataDir])) {
        await rm(place, { recursive: true, force: true });
      }
    },
  };
}
