import { userInfo } from 'node:os';
import { join } from 'node:path';

import { ensureCluster } from './ensure-cluster.ts';
import { findPlace } from './find-place.ts';
import { installedPackage } from './installed-package.ts';
import { launch } from './launch.ts';
import { readText } from './read-text.ts';
import { refusal } from './refusal.ts';
import { run } from './run.ts';
import { runnableBinaries } from './runnable-binaries.ts';
import { runningServer } from './running-server.ts';
import { serverUrl } from './server-url.ts';

export type EmbeddedPostgresOptions = Readonly<{
  /** Created when missing; refused when it holds files of something else. */
  dataDir: string;
  /** Whether this process is root, as which PostgreSQL refuses to run. Found out when left out. */
  isRoot?: boolean;
  /** `false` gives up crash safety for speed: for tests. */
  durable?: boolean;
  /** Further settings of a server that is started, or other values: for tests. */
  settings?: Readonly<Record<string, string>>;
  log?: (line: string) => void;
}>;

export type EmbeddedPostgres = Readonly<{
  /** Of the superuser, on 127.0.0.1. */
  url: string;
  /** The server was running already, left behind by a process that was killed, or shared with one that lives. */
  adopted: boolean;
  /** Where the data really is: not always the folder asked for, see `startEmbeddedPostgres`. */
  dataDir: string;
  /** Ends the server, its open connections too; a second call does nothing. */
  stop(): Promise<void>;
}>;

function runsAsRoot(): boolean {
  try {
    return userInfo().uid === 0;
  } catch {
    // An account without an entry in the user database, which root has.
    return false;
  }
}

async function start({
  dataDir: wanted,
  isRoot = runsAsRoot(),
  durable = true,
  settings = {},
  log = () => {},
}: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { native, version, major } = await installedPackage();
  const place = await findPlace(wanted, isRoot, log);
  const bin = await runnableBinaries(native, version, place);
  const cluster = await ensureCluster(bin, major, place, durable);
  const password = await readText(join(place.home, 'password'));
  if (!password) {
    throw refusal(
      `The password of the data in ${place.home} is gone; put the file "password" back, or remove that folder to start with empty data.`,
    );
  }

  const { port, adopted } = await launch(bin, cluster, place, password, { durable, settings });
  log(
    `PostgreSQL ${/^\d+\.\d+/.exec(version)?.[0]} ${adopted ? 'was running already' : 'started'} on 127.0.0.1:${port}.`,
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
        throw refusal(`PostgreSQL did not stop: ${output}`);
      }
    },
  };
}

/**
 * Starts the PostgreSQL that comes as a development package, with its data in a folder.
 *
 * The server is a process of its own that survives this one: `stop()` it, or the
 * next start finds it running and adopts it. Password and port stay the same from
 * start to start, unless the port was taken meanwhile. As root it runs as
 * `nobody`; when that account may not enter `dataDir`, the data is in the
 * system's temporary area, and the file LOCATION in `dataDir` says where.
 *
 * @throws DomainError `precondition_failed`, with a sentence on what is missing
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    return await start(options);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM') {
      throw refusal(
        `This account may not use the PostgreSQL data of ${options.dataDir}; start as the account that created it, or remove that folder to start with empty data (${message}).`,
        error,
      );
    }
    throw error;
  }
}
