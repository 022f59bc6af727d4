import { readFile } from 'node:fs/promises';

/** Of Linux: USER_HZ, which the kernel promises to programs. */
const TICKS = 100;

/** Milliseconds of processor that a process has used so far, in steps of 10. Linux only. */
export async function processorTime(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name may hold spaces and parentheses: what counts stands behind the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  return ((user + system) * 1000) / TICKS;
}
