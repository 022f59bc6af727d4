import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Project } from '../src/definition/define-project.ts';
import { servedProject } from '../test/fixture-app/served-project.ts';
import { openWorld, type World } from '../test/helpers/world.ts';
import { machine } from './machine.ts';

/** One result of a benchmark and its target. A target of null is informational. */
export type Figure = Readonly<{
  name: string;
  value: number;
  unit: string;
  target: number | null;
  atLeast?: true;
}>;

const RESULTS = join(import.meta.dirname, 'results');

/** Returns the median, which ignores single slow runs. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [lower, upper] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return ((lower ?? Number.NaN) + (upper ?? Number.NaN)) / 2;
}

/** Returns the milliseconds that work takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

const meetsTarget = ({ value, target, atLeast }: Figure): boolean =>
  target === null || (atLeast ? value >= target : value <= target);

/** Rounds to three significant digits. */
const rounded = (value: number): number => Number(value.toPrecision(3));

/**
 * Prints the results of a benchmark and writes them, with the facts of the machine, to bench/results/<name>.json.
 * `table` adds bench/results/<name>.md. Sets the exit code to 1 when a target is missed.
 */
export async function report(
  name: string,
  postgres: string,
  measured: readonly Figure[],
  { table }: { table?: () => string } = {},
): Promise<void> {
  const date = new Date().toISOString().slice(0, 10);
  const statistics = measured.map((statistic) => ({ ...statistic, value: rounded(statistic.value) }));
  for (const statistic of statistics) {
    const target =
      statistic.target === null
        ? ''
        : `   ${meetsTarget(statistic) ? 'met' : 'MISSED'}: ${statistic.atLeast ? 'at least' : 'at most'} ${statistic.target}`;
    console.log(
      `${statistic.name.padEnd(70)} ${String(statistic.value).padStart(8)} ${statistic.unit}${target}`,
    );
  }
  await mkdir(RESULTS, { recursive: true });
  await writeFile(
    join(RESULTS, `${name}.json`),
    `${JSON.stringify({ date, machine: machine(postgres), statistics }, null, 2)}\n`,
  );
  if (table) {
    await writeFile(join(RESULTS, `${name}.md`), `Written by bench/${name}.ts on ${date}.\n\n${table()}\n`);
  }
  process.exitCode = statistics.every(meetsTarget) ? 0 : 1;
}

/** Returns PostgreSQL's version. */
export async function versionOf({ asOwner }: Pick<World, 'asOwner'>): Promise<string> {
  const [{ version } = { version: 'unknown' }] = await asOwner<{ version: string }>(
    `select current_setting('server_version') as version`,
  );
  return version;
}

/** Runs one benchmark in its own test world, and reports its results. */
export async function bench(
  name: string,
  measure: (world: World) => Promise<readonly Figure[]>,
  { project = servedProject, ...options }: { project?: Project; table?: () => string } = {},
): Promise<void> {
  const world = await openWorld({ project });
  try {
    await report(name, await versionOf(world), await measure(world), options);
  } finally {
    await world.close();
  }
}
