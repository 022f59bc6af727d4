import { readFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';

import { readText } from './read-text.ts';
import { run } from './run.ts';

/** The command line of a process; empty when there is none, or it is dead and only not yet collected. */
async function commandLine(pid: number): Promise<string> {
  if (platform() === 'linux') {
    // Any failure: the process may also end between the opening and the reading.
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
  }
  const { code, output } = await run('ps', ['-ww', '-o', 'command=', '-p', String(pid)]);
  return code === 0 ? output : '';
}

/**
 * The server of a cluster, when there is one; its port is undefined until it has one.
 *
 * Unlike `pg_ctl status` it does not take another process that was given the
 * same id since (common after a restart of a container) for the server.
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
