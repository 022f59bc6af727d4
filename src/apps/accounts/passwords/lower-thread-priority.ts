import { readdir, readFile } from 'node:fs/promises';
import { getPriority, setPriority } from 'node:os';

const THREADS = '/proc/self/task';
const NAME = 'libuv-worker';
/** Added to the nice value of the process. A thread gets about a tenth of the time when no core is free. */
const NICE = 10;
const MAX_NICE = 19;

/**
 * Lowers the priority of libuv's threads, which hash passwords, read files and resolve hosts. While many
 * passwords are hashed, the event loop and PostgreSQL then get a core first, and all cores can hash.
 *
 * Returns the number of threads. On systems other than Linux, threads have no priority of their own, and
 * nothing changes.
 */
export async function lowerThreadPriority(): Promise<number> {
  const priority = Math.min(MAX_NICE, getPriority() + NICE);
  const ids = await readdir(THREADS).catch(() => []);
  let changed = 0;
  for (const id of ids) {
    const name = await readFile(`${THREADS}/${id}/comm`, 'utf8').catch(() => '');
    if (name.trim() === NAME) {
      try {
        setPriority(Number(id), priority);
        changed += 1;
      } catch {
        // The thread has ended, or a sandbox forbids the call: hashing then competes with requests.
      }
    }
  }
  return changed;
}
