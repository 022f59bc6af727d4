/**
 * Measures requests of few and of many tenants:
 *   [BENCH_DATA=folder] node bench/fleet.ts [tenants in turn, 1500] [tenants by Zipf's law, 10000] [seconds of a round, 5]
 *
 * GET of one row with 10 tenants, with 100 and with 1,500 in turn, and with 10,000 by Zipf's law (the tenant of rank n gets
 * a share of 1/n). The service starts anew for each, so that backends begin without plans and cached tables, and is
 * measured when the share of statements that reuse a plan no longer grows. The results are the rate, the processor time
 * of a request, the share of statements that reuse a plan, and the private memory of a backend. The service has the
 * settings for many tenants of docs/limits.md. The tenants have three tables each: see slim-tenants.ts. BENCH_DATA keeps
 * them for other runs and for start.ts.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../test/helpers/free-port.ts';
import { scrape } from '../test/helpers/scrape.ts';
import { type Figure, median, report, versionOf } from './bench.ts';
import { type LoadRequest, load } from './load.ts';
import { type OpenFleet, openFleet } from './open-fleet.ts';
import { processorTime, serverOf, serverProcessorTime } from './processor-time.ts';
import { logIn, openService, type Side } from './sides.ts';

const TENANTS = Number(process.argv[2] ?? 1_500);
const ZIPF_TENANTS = Number(process.argv[3] ?? 10_000);
const SECONDS = Number(process.argv[4] ?? 5);
/** Settings for many tenants, of docs/limits.md: four pool shards of two connections, which keep more statements. */
const SETTINGS = {
  LANES: '4',
  PREPARED_STATEMENTS_PER_CONNECTION: '1000',
  PREPARED_STATEMENTS_MEMORY: '32',
};
/** Number of rounds before the first measured one. */
const WARM_UP = { least: 4, most: 24 };
/** A round in which the share of reused plans grows by less than this is the last one of the warm-up. */
const GROWTH = 0.005;
const ROUNDS = 5;
/** Length of the sequence that each connection draws and repeats. */
const SEQUENCE = 2_000;

type Tenants = Side['tenants'];
type Scenario = Readonly<{ name: string; requests: (tenants: Tenants) => Parameters<typeof load>[1] }>;

const requestOf = ({ headers }: Tenants[number]): LoadRequest => ({
  method: 'GET',
  path: '/api/projects/1/',
  headers,
});

/** Returns a function that draws a sequence of tenants in which rank n has a share of 1/n. */
function zipf(tenants: Tenants): () => readonly LoadRequest[] {
  const weights = tenants.map((_, index) => 1 / (index + 1));
  let sum = 0;
  const bounds = weights.map((weight) => {
    sum += weight;
    return sum;
  });
  const draw = (): LoadRequest => {
    const drawn = Math.random() * sum;
    const [first] = tenants;
    const tenant = tenants[bounds.findIndex((bound) => bound > drawn)] ?? first;
    if (!tenant) {
      throw new Error('There is no tenant.');
    }
    return requestOf(tenant);
  };
  return () => Array.from({ length: SEQUENCE }, draw);
}

const uniform = (count: number): Scenario => ({
  name: `${count} tenants in turn`,
  requests: (tenants) => tenants.slice(0, count).map(requestOf),
});
const SCENARIOS: readonly Scenario[] = [
  uniform(10),
  ...(TENANTS > 100 ? [uniform(100)] : []),
  uniform(TENANTS),
  {
    name: `${ZIPF_TENANTS} tenants by Zipf's law`,
    requests: (tenants) => zipf(tenants.slice(0, ZIPF_TENANTS)),
  },
];

/** Returns the mean private memory of the service's backends in MB. */
async function backendMemory(world: OpenFleet): Promise<number> {
  const backends = await world.asOwner<{ pid: number }>(
    `select pid from pg_stat_activity where usename = $1 and application_name like 'koa-tenants lane%'`,
    [world.service],
  );
  const sizes = await Promise.all(
    backends.map(async ({ pid }) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
}

/** Returns the number of statements that reused a plan and of those that did not, since the start. */
async function statementUse(port: number): Promise<Readonly<{ hits: number; misses: number }>> {
  const { total } = await scrape(port);
  const count = (result: string) => total('koa_tenants_prepared_statements_total', { result });
  return { hits: count('hit'), misses: count('miss') };
}

/** Sends rounds of requests until the share of statements that reuse a plan no longer grows. */
async function warmUp(metricsPort: number, sendRound: () => Promise<unknown>): Promise<void> {
  let reused = 0;
  for (let round = 1; round <= WARM_UP.most; round += 1) {
    const before = await statementUse(metricsPort);
    await sendRound();
    const now = await statementUse(metricsPort);
    const hits = now.hits - before.hits;
    const share = hits / (hits + now.misses - before.misses);
    if (round >= WARM_UP.least && share - reused < GROWTH) {
      return;
    }
    reused = share;
  }
}

/** Waits until the checks of all tenants, which run while the service serves, have ended. */
async function untilChecked({ asOwner }: OpenFleet): Promise<void> {
  const find = () => asOwner(`select from pg_stat_activity where application_name = 'koa-tenants checks'`);
  while ((await find()).length > 0) {
    await sleep(100);
  }
}

type Measured = Readonly<{ rate: number; node: number; postgres: number; memory: number; reused: number }>;

async function measure(
  world: OpenFleet,
  tenants: Tenants,
  { requests }: Scenario,
  postgres: number,
): Promise<Measured> {
  const metricsPort = await freePort();
  const service = await openService(world, [], {
    env: { ...SETTINGS, METRICS_PORT: String(metricsPort) },
  });
  const sequence = requests(tenants);
  const { port, pid } = service.server;
  try {
    await warmUp(metricsPort, () => load(port, sequence, SECONDS));
    await untilChecked(world);
    const rounds: Array<Pick<Measured, 'rate' | 'node' | 'postgres'>> = [];
    const warm = await statementUse(metricsPort);
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = [await processorTime(pid), await serverProcessorTime(postgres)] as const;
      const { responses, seconds } = await load(port, sequence, SECONDS);
      const after = [await processorTime(pid), await serverProcessorTime(postgres)] as const;
      rounds.push({
        rate: responses / seconds,
        node: ((after[0] - before[0]) * 1000) / responses,
        postgres: ((after[1] - before[1]) * 1000) / responses,
      });
    }
    const now = await statementUse(metricsPort);
    const [hits, misses] = [now.hits - warm.hits, now.misses - warm.misses];
    return {
      rate: median(rounds.map(({ rate }) => rate)),
      node: median(rounds.map(({ node }) => node)),
      postgres: median(rounds.map(({ postgres: used }) => used)),
      memory: await backendMemory(world),
      reused: hits / (hits + misses),
    };
  } finally {
    await service.close();
  }
}

const fleet = await openFleet(Math.max(TENANTS, ZIPF_TENANTS));
try {
  const tenants = logIn(fleet.users);
  const [{ pid } = { pid: 0 }] = await fleet.asOwner<{ pid: number }>('select pg_backend_pid() as pid');
  const postgres = await serverOf(pid);
  const results: Figure[] = [];
  let few = Number.NaN;
  for (const scenario of SCENARIOS) {
    const { rate, node, postgres: used, memory, reused } = await measure(fleet, tenants, scenario, postgres);
    const { name } = scenario;
    few = Number.isNaN(few) ? rate : few;
    const isAll = name === `${TENANTS} tenants in turn`;
    console.log(`${name}: ${rate.toFixed(0)}/s`);
    results.push(
      { name: `${name}: rate`, value: rate, unit: '/s', target: null },
      { name: `${name}: Node`, value: node, unit: 'us', target: null },
      { name: `${name}: PostgreSQL`, value: used, unit: 'us', target: null },
      { name: `${name}: statements that reuse a plan`, value: reused, unit: '', target: null },
      { name: `${name}: memory of a backend`, value: memory, unit: 'MB', target: null },
      {
        name: `${name}: rate, against 10 tenants`,
        value: rate / few,
        unit: 'x',
        target: isAll ? 0.85 : null,
        atLeast: true,
      },
    );
  }
  await report('fleet', await versionOf(fleet), results);
} finally {
  await fleet.close();
}
process.exit();
