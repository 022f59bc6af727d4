import { readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { ifThere } from './if-there.ts';
import { runningServer } from './running-server.ts';

/** Above every process id of every system, so that no process has it. */
const NO_PID = 2_147_483_647;

/** Makes the server believe that the process named in a stale pid file is gone, which it is. */
export async function clearStalePid(cluster: string): Promise<void> {
  const file = join(cluster, 'postmaster.pid');
  const content = await ifThere(readFile(file, 'utf8'));
  if (content === undefined || (await runningServer(cluster))) {
    return;
  }
  if (content.trim() === '') {
    await unlink(file);
    return;
  }
  // Not removed: by its other lines the server waits for processes of the dead one that still hold its memory.
  await writeFile(file, content.replace(/^-?\d+/, String(NO_PID)));
}
