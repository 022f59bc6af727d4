import { readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { adopt } from './adopt.ts';
import { choosePort } from './choose-port.ts';
import type { DataDirectory } from './data-directory-for-root.ts';
import { readText, undefinedIfMissing } from './files.ts';
import { preconditionFailed } from './precondition-failed.ts';
import { run } from './run.ts';
import { runningServer } from './running-server.ts';

const ATTEMPTS = 10;

/** Messages of temporary errors: the port was taken meanwhile, or processes of a killed server are still ending. */
const TRANSIENT = /could not bind|could not create any TCP|still in use|lock file/;

/** Above the highest process ID of every system. */
const NO_PID = 2_147_483_647;

/** Replaces the process ID of a stale pid file, so that the server ignores it. */
async function clearStalePid(cluster: string): Promise<void> {
  const file = join(cluster, 'postmaster.pid');
  const content = await undefinedIfMissing(readFile(file, 'utf8'));
  if (content === undefined || (await runningServer(cluster))) {
    return;
  }
  if (content.trim() === '') {
    await unlink(file);
    return;
  }
  // Not deleted: with its other lines the server waits for processes of the dead server that still hold its
  // memory.
  await writeFile(file, content.replace(/^-?\d+/, String(NO_PID)));
}

/** Returns the settings as arguments. PostgreSQL uses the last of two values for one setting. */
const settingsOf = (port: number, durable: boolean, settings: Readonly<Record<string, string>>) =>
  [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=200',
    'max_prepared_transactions=0',
    // Required by `move-tenant --online`.
    'wal_level=logical',
    ...(durable ? [] : ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off']),
    ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
  ]
    .map((setting) => `-c ${setting}`)
    .join(' ');

/**
 * Starts the server of a cluster, or adopts the running one. Returns its port.
 *
 * @throws OperatorError `precondition_failed` with the server's own message
 */
export async function launch(
  bin: string,
  cluster: string,
  place: DataDirectory,
  password: string,
  { durable, settings }: { durable: boolean; settings: Readonly<Record<string, string>> },
): Promise<{ port: number; adopted: boolean }> {
  const logFile = join(place.home, 'server.log');
  let complaint = '';
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    // Also after a failed attempt: another process may have started it first.
    const found = await adopt(cluster, password);
    if (found) {
      return { port: found, adopted: true };
    }
    await clearStalePid(cluster);
    await undefinedIfMissing(rename(logFile, `${logFile}.old`));
    const port = await choosePort(place);
    const { code, output } = await run(
      join(bin, 'pg_ctl'),
      ['start', '-s', '-D', cluster, '-l', logFile, '-o', settingsOf(port, durable, settings)],
      { cwd: place.home, account: place.account },
    );
    if (code === 0) {
      return { port, adopted: false };
    }
    const log = (await readText(logFile)) ?? '';
    complaint = /FATAL:\s+(.*)/.exec(log)?.[1] ?? (output || log).split('\n').at(-1) ?? '';
    if (!TRANSIENT.test(log)) {
      break;
    }
    await sleep(200);
  }
  throw preconditionFailed(`PostgreSQL did not start: ${complaint} (its log is ${logFile}).`);
}
