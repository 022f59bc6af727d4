import { readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runningServer } from './running-server.ts';
import { undefinedIfMissing } from './undefined-if-missing.ts';

/** Above the highest process ID of every system. */
const NO_PID = 2_147_483_647;

/** Replaces the process ID of a stale pid file, so that the server ignores it. */
export async function clearStalePid(cluster: string): Promise<void> {
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
