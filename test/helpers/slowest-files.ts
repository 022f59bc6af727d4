import { readFileSync } from 'node:fs';
import path from 'node:path';
import { SAMPLE_MS, type ServerCost } from './measure-server.ts';
import type { FileMeasure } from './processes/measure-file.ts';

const ROOT = path.join(import.meta.dirname, '../..');

/** CPU seconds of a test file: of its processes, and of PostgreSQL in its databases. */
export type FileCost = Readonly<{
  file: string;
  processes: number;
  server: number;
  wall: number;
  /** When it ended, in seconds since 1970. */
  until: number;
}>;

/** Returns the cost of every test file of a run, most expensive first. */
export function costOfFiles(measures: string, server: ServerCost | null): readonly FileCost[] {
  return readFileSync(measures, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { file, pid, from, until, cpu } = JSON.parse(line) as FileMeasure;
      const databases = [...(server?.databases ?? [])].filter(
        ([name, { since }]) =>
          name.startsWith(`kt_${pid.toString(36)}_`) && since >= from && since <= until + SAMPLE_MS / 1000,
      );
      return {
        file: path.relative(ROOT, file),
        processes: cpu,
        server: databases.reduce((sum, [, each]) => sum + each.cpu, 0),
        wall: until - from,
        until,
      };
    })
    .sort((one, other) => other.processes + other.server - (one.processes + one.server));
}

/** Returns a line with the time during which only the last file of a run ran, or nothing for a single file. */
function describeEnd(costs: readonly FileCost[]): readonly string[] {
  const [last, before] = [...costs].sort((one, other) => other.until - one.until);
  return last && before
    ? [`The last file ran alone for ${(last.until - before.until).toFixed(1)} s: ${last.file}`]
    : [];
}

/** Files from this time on are started before the others. */
const SLOW_SECONDS = 5;

/** Returns the seconds of slow files, longest first: those of a run, and the known ones of files that it did not run. */
export function recordSlowFiles(
  known: Readonly<Record<string, number>>,
  costs: readonly FileCost[],
): Readonly<Record<string, number>> {
  const measured = Object.fromEntries(costs.map(({ file, wall }) => [file, Math.round(wall)]));
  return Object.fromEntries(
    Object.entries({ ...known, ...measured })
      .filter(([, seconds]) => seconds >= SLOW_SECONDS)
      .sort(([, one], [, other]) => other - one),
  );
}

/** Returns lines with the ten most expensive files of a run, the sum of all, and the last file. */
export function describeCosts(costs: readonly FileCost[], server: ServerCost | null): readonly string[] {
  const number = (value: number): string => value.toFixed(1).padStart(7);
  const all = costs.reduce((sum, { processes }) => sum + processes, 0);
  return [
    `The ${Math.min(10, costs.length)} slowest of ${costs.length} files, in CPU seconds of processes and of PostgreSQL, and seconds from start to end:`,
    ...costs
      .slice(0, 10)
      .map(
        ({ file, processes, server: own, wall }) =>
          `${number(processes)}${number(own)}${number(wall)}  ${file}`,
      ),
    `${number(all)}${number(server?.total ?? 0)}         all files, and ${(server?.background ?? 0).toFixed(1)} of PostgreSQL in the background`,
    ...describeEnd(costs),
  ];
}
