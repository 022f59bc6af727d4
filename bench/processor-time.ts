import { readdir, readFile } from 'node:fs/promises';

/** USER_HZ of Linux, part of the kernel's stable interface. */
const TICKS = 100;

/** Returns the numbers of /proc/<pid>/stat after the state. `[0]` is the parent's process id. */
async function readStat(pid: number): Promise<readonly number[]> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name may contain spaces and parentheses. The fields begin after the last one.
  return stat
    .slice(stat.lastIndexOf(')') + 4)
    .split(' ')
    .map(Number);
}

const milliseconds = (...ticks: ReadonlyArray<number | undefined>): number =>
  (ticks.reduce<number>((sum, each) => sum + (each ?? 0), 0) * 1000) / TICKS;

/** Returns the milliseconds of processor time that a process has used, in steps of 10. Linux only. */
export async function processorTime(pid: number): Promise<number> {
  const stat = await readStat(pid);
  return milliseconds(stat[10], stat[11]);
}

/** Returns the process id of the PostgreSQL server that a backend belongs to. */
export async function serverOf(backend: number): Promise<number> {
  return (await readStat(backend))[0] ?? Number.NaN;
}

/**
 * Returns the milliseconds of processor time of a PostgreSQL server with all its processes, those that
 * have ended included.
 */
export async function serverProcessorTime(server: number): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const stats = await Promise.all(pids.map((pid) => readStat(pid).catch(() => [])));
  const children = stats.filter(([parent]) => parent === server);
  const own = await readStat(server);
  return milliseconds(
    ...[own[10], own[11], own[12], own[13]],
    ...children.flatMap((stat) => [stat[10], stat[11]]),
  );
}
