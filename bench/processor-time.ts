import { readFile } from 'node:fs/promises';

/** USER_HZ of Linux, part of the kernel's stable interface. */
const TICKS = 100;

/** Returns the milliseconds of processor time that a process has used, in steps of 10. Linux only. */
export async function processorTime(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name may contain spaces and parentheses. The fields begin after the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  return ((user + system) * 1000) / TICKS;
}
