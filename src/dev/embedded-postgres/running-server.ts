import { readFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';

import { readText } from './files.ts';
import { run } from './run.ts';

/** Returns the command line of a process. Empty when it does not exist or is a zombie. */
async function commandLine(pid: number): Promise<string> {
  if (platform() === 'linux') {
    // Ignores every error: the process may end between open and read.
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
  }
  const { code, output } = await run('ps', ['-ww', '-o', 'command=', '-p', String(pid)]);
  return code === 0 ? output : '';
}

/**
 * Returns the running server of a cluster, or undefined. Its port is undefined until the server
 * has opened it.
 *
 * Unlike `pg_ctl status`, it recognizes that the process ID was reused by another process (common
 * after a restart of a container).
 */
export async function runningServer(
  cluster: string,
): Promise<Readonly<{ pid: number; port: number | undefined }> | undefined> {
  const lines = (await readText(join(cluster, 'postmaster.pid')))?.split('\n');
  const pid = Number(lines?.[0]);
  if (!lines || !(pid > 0) || !(await commandLine(pid)).includes(cluster)) {
    return undefined;
  }
  return { pid, port: Number(lines[3]) || undefined };
}

/** Returns the URL of the superuser. */
export const serverUrl = (port: number, password: string): string =>
  `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
