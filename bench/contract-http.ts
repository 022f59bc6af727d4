/**
 * Measures what CORS and entity tags add to a GET of one row that uses neither, over HTTP:
 *   node bench/contract-http.ts
 *
 * Two processes of the service on one database: this release, and a copy of it without the two. They alternate in short rounds.
 * The ratio of Node's processor time is taken for each pair of rounds, and the median is reported.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { project } from '../src/project.ts';
import { makeWorkingCopy } from '../test/helpers/working-copy.ts';
import type { World } from '../test/helpers/world.ts';
import { bench, type Figure, median } from './bench.ts';
import { load } from './load.ts';
import { processorTime } from './processor-time.ts';
import { openService, type Side } from './sides.ts';

const ROUNDS = 16;
const SECONDS = 1.5;
const WARM_UP_SECONDS = 6;
const PROJECTS = 100;

const ROOT = join(import.meta.dirname, '..');

/** A file, a text that occurs once in it, and what replaces it in the copy. */
const WITHOUT = [
  ['src/server/app.ts', 'app.use(cors({ settingsOf, defaults: deps.corsDefaults }));', 'void cors;'],
  ['src/http/resource.ts', '? tagged(handler, method, etag)', '? (tagged, handler)'],
] as const;

async function copyWithout() {
  const copy = await makeWorkingCopy();
  for (const [file, from, to] of WITHOUT) {
    const text = await readFile(join(ROOT, file), 'utf8');
    if (text.split(from).length !== 2) {
      throw new Error(`${file} does not contain "${from}" once.`);
    }
    await copy.write(file, text.replace(from, to));
  }
  return copy;
}

/** Returns the microseconds of Node for a request. */
async function measure({ server, tenants }: Side, seconds: number): Promise<number> {
  const before = await processorTime(server.pid);
  const { responses } = await load(
    server.port,
    tenants.map(({ headers }) => ({ method: 'GET', path: '/api/projects/1/', headers })),
    seconds,
  );
  return (((await processorTime(server.pid)) - before) * 1000) / responses;
}

async function compare(world: World): Promise<readonly Figure[]> {
  const copy = await copyWithout();
  const sides: Side[] = [];
  try {
    sides.push(await openService(world, [world.acme], { projects: PROJECTS }));
    sides.push(
      await openService(world, [world.globex], {
        projects: PROJECTS,
        main: join(copy.folder, 'src/main.ts'),
      }),
    );
    const [contract, without] = sides as [Side, Side];
    await measure(contract, WARM_UP_SECONDS);
    await measure(without, WARM_UP_SECONDS);
    const pairs: Array<readonly [number, number]> = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      // The order changes, because other load of the machine may grow or shrink.
      if (round % 2 === 0) {
        const first = await measure(contract, SECONDS);
        pairs.push([first, await measure(without, SECONDS)]);
      } else {
        const first = await measure(without, SECONDS);
        pairs.push([await measure(contract, SECONDS), first]);
      }
    }
    return [
      {
        name: 'GET of one row with CORS and entity tags, against one without: Node',
        value: median(pairs.map(([one, other]) => one / other)),
        unit: 'x',
        target: 1.03,
      },
      { name: 'with', value: median(pairs.map(([one]) => one)), unit: 'us', target: null },
      { name: 'without', value: median(pairs.map(([, other]) => other)), unit: 'us', target: null },
    ];
  } finally {
    await Promise.all(sides.map((side) => side.close()));
    await copy.remove();
  }
}

await bench('contract-http', compare, { project });
process.exit();
