/**
 * Measures what the API's contract costs a request that uses none of it:
 *   node bench/contract.ts [--quick]
 *
 * GET of one row, of a service with CORS, entity tags, idempotency keys and the OpenAPI document, and of one that was
 * loaded without the code that runs for each request. Both sides alternate in short rounds. The ratio of the processor time
 * of Node in neighboring rounds is taken, because it depends less on the machine's other load than the rate.
 */
import { join } from 'node:path';

import { project } from '../src/project.ts';
import type { World } from '../test/helpers/world.ts';
import { bench, type Figure, median } from './bench.ts';
import { type LoadRequest, load } from './load.ts';
import { processorTime } from './processor-time.ts';
import { openService, type Side } from './sides.ts';

const QUICK = process.argv.includes('--quick');
const ROUNDS = QUICK ? 3 : 15;
const SECONDS = 2;
const WARM_UP_SECONDS = QUICK ? 2 : 6;
const TENANTS = 5;

/** Returns the microseconds of Node for a request. */
async function measure(side: Side, requests: readonly LoadRequest[], seconds: number): Promise<number> {
  const before = await processorTime(side.server.pid);
  const { responses } = await load(side.server.port, requests, seconds);
  return (((await processorTime(side.server.pid)) - before) * 1000) / responses;
}

async function compare(world: World): Promise<readonly Figure[]> {
  const members = await Promise.all(
    Array.from({ length: TENANTS }, (_, index) => world.provision(`tenant_${index + 1}`)),
  );
  const whole = await openService(world, members, { projects: 100 });
  const bare = await openService(world, [], { main: join(import.meta.dirname, 'without-contract.ts') });
  try {
    const requests = whole.tenants.map(
      ({ headers }): LoadRequest => ({
        method: 'GET',
        path: '/api/projects/1/',
        headers,
      }),
    );
    for (const side of [whole, bare]) {
      await measure(side, requests, WARM_UP_SECONDS);
    }
    const ratios: number[] = [];
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      // The first of a pair has the other's load before it: they take turns.
      const order = round % 2 === 0 ? [whole, bare] : [bare, whole];
      const times = new Map<Side, number>();
      for (const side of order) {
        times.set(side, await measure(side, requests, SECONDS));
      }
      const [one = 0, other = 0] = [times.get(whole), times.get(bare)];
      ours.push(one);
      theirs.push(other);
      ratios.push(one / other);
    }
    return [
      {
        name: 'Node of a GET of one row, with the contract and without',
        value: median(ratios),
        unit: 'x',
        target: 1.03,
      },
      { name: 'with', value: median(ours), unit: 'us', target: null },
      { name: 'without', value: median(theirs), unit: 'us', target: null },
    ];
  } finally {
    await whole.close();
    await bare.close();
  }
}

await bench('contract', compare, { project });
