/**
 * Measures requests of few and of many tenants:
 *   [BENCH_DATA=folder] node bench/fleet.ts [tenants in turn, 1500] [tenants by Zipf's law, 10000] [rounds, 5]
 *
 * GET of one row with 10 tenants, with 100 and with 1,500 in turn, and with 10,000 by Zipf's law (the tenant of rank n gets
 * a share of 1/n), with the default settings. Each of the four has a service with backends of its own, on the same
 * PostgreSQL, so that none closes the statements of another. Rounds alternate, first until all services are warm, then
 * measured: only one service has load at a time, and none is without load for the 60 seconds after which the pool
 * closes its connections. Ratios are those of the four rounds that follow each other. The results are the rate, the processor time of a request (of Node, of PostgreSQL, and of this process, which sends the
 * requests from the same cores), the share of statements that reuse a plan, and the private memory of a backend. The
 * tenants have three tables each: see slim-tenants.ts. BENCH_DATA keeps them for other runs and for start.ts.
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
const ROUNDS = Number(process.argv[4] ?? 5);
const SECONDS = 4;
/**
 * The warm-up sends at least this number of requests for each tenant in turn, because PostgreSQL plans the first five
 * executions of a statement in each backend. It ends when every service has had a round in which the processor time of a
 * request was no longer smaller, by `gain`, than in its best round before.
 */
const WARM_UP = { ofTenant: 24, gain: 0.02, leastRounds: 4, mostRounds: 20 };
/** Length of the sequence that each connection draws for a round by Zipf's law. */
const SEQUENCE = 500;

type Tenants = Side['tenants'];
/** Processor times are in microseconds for each request. */
type Round = Readonly<{ rate: number; node: number; postgres: number; load: number; reused: number }>;
type Scenario = Readonly<{
  name: string;
  /** Minimum number of requests of the warm-up. */
  least: number;
  requests: Parameters<typeof load>[1];
}>;
type Running = Scenario & Readonly<{ side: Side; metricsPort: number; rounds: Round[] }>;

const requestOf = ({ headers }: Tenants[number]): LoadRequest => ({
  method: 'GET',
  path: '/api/projects/1/',
  headers,
});

/** Returns a function that draws a sequence of requests in which that of rank n has a share of 1/n. */
function zipf(requests: readonly LoadRequest[]): () => readonly LoadRequest[] {
  let sum = 0;
  const bounds = requests.map((_, index) => {
    sum += 1 / (index + 1);
    return sum;
  });
  const draw = (): LoadRequest => {
    const drawn = Math.random() * sum;
    return requests[bounds.findIndex((bound) => bound > drawn)] as LoadRequest;
  };
  return () => Array.from({ length: SEQUENCE }, draw);
}

const uniform = (tenants: Tenants, count: number): Scenario => ({
  name: `${count} tenants in turn`,
  least: count * WARM_UP.ofTenant,
  requests: tenants.slice(0, count).map(requestOf),
});

const scenariosOf = (tenants: Tenants): readonly Scenario[] => [
  uniform(tenants, 10),
  ...(TENANTS > 100 ? [uniform(tenants, 100)] : []),
  uniform(tenants, TENANTS),
  {
    name: `${ZIPF_TENANTS} tenants by Zipf's law`,
    least: ZIPF_TENANTS,
    requests: zipf(tenants.slice(0, ZIPF_TENANTS).map(requestOf)),
  },
];

/** Returns the private memory of the backends of all services in MB, by process id. */
async function memoryOfBackends({ asOwner, service }: OpenFleet): Promise<ReadonlyMap<number, number>> {
  const found = await asOwner<{ pid: number }>(
    `select pid from pg_stat_activity where usename = $1 and application_name like 'koa-tenants lane%'`,
    [service],
  );
  const sizes = found.map(async ({ pid }): Promise<[number, number]> => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return [pid, Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? Number.NaN) / 1024];
  });
  return new Map(await Promise.all(sizes));
}

/** Stops a service, and returns the mean private memory of its backends in MB: of those that end with it. */
async function stop(world: OpenFleet, { side }: Running): Promise<number> {
  const before = await memoryOfBackends(world);
  await side.close();
  await sleep(500);
  const after = await memoryOfBackends(world);
  const own = [...before].filter(([pid]) => !after.has(pid)).map(([, size]) => size);
  return own.reduce((sum, size) => sum + size, 0) / own.length;
}

/** Returns the number of statements that reused a plan and of those that did not, since the start. */
async function statementUse(port: number): Promise<Readonly<{ hits: number; misses: number }>> {
  const { total } = await scrape(port);
  const count = (result: string) => total('koa_tenants_prepared_statements_total', { result });
  return { hits: count('hit'), misses: count('miss') };
}

/** Sends one round of requests. `postgres` is the process id of the server. */
async function sendRound(
  { side, metricsPort, requests }: Running,
  postgres: number,
): Promise<Round & { responses: number }> {
  const times = () => Promise.all([processorTime(side.server.pid), serverProcessorTime(postgres)]);
  const used = await statementUse(metricsPort);
  const before = await times();
  const { responses, seconds, processorMs } = await load(side.server.port, requests, SECONDS);
  const after = await times();
  const now = await statementUse(metricsPort);
  const perRequest = (milliseconds: number): number => (milliseconds * 1000) / responses;
  const hits = now.hits - used.hits;
  return {
    responses,
    rate: responses / seconds,
    node: perRequest(after[0] - before[0]),
    postgres: perRequest(after[1] - before[1]),
    load: perRequest(processorMs),
    reused: hits / (hits + now.misses - used.misses),
  };
}

/** Sends rounds to all services in turn, until the processor time of a request no longer decreases in any. */
async function warmUp(all: readonly Running[], postgres: number): Promise<void> {
  const states = all.map((running) => ({ running, sent: 0, best: Number.POSITIVE_INFINITY, isWarm: false }));
  for (let round = 1; round <= WARM_UP.mostRounds; round += 1) {
    for (const state of states) {
      const { responses, node, postgres: server } = await sendRound(state.running, postgres);
      const time = node + server;
      state.sent += responses;
      state.isWarm ||=
        round >= WARM_UP.leastRounds &&
        state.sent >= state.running.least &&
        time > state.best * (1 - WARM_UP.gain);
      state.best = Math.min(state.best, time);
    }
    if (states.every(({ isWarm }) => isWarm)) {
      console.log(`${round} rounds of warm-up`);
      return;
    }
  }
  const cold = states.filter(({ isWarm }) => !isWarm).map(({ running }) => running.name);
  console.log(`Not warm after ${WARM_UP.mostRounds} rounds: ${cold.join(', ')}`);
}

/** Waits until the checks of all tenants, which run while the service serves, have ended. */
async function untilChecked({ asOwner }: OpenFleet): Promise<void> {
  const find = () => asOwner(`select from pg_stat_activity where application_name = 'koa-tenants checks'`);
  while ((await find()).length > 0) {
    await sleep(100);
  }
}

async function start(world: OpenFleet, scenario: Scenario): Promise<Running> {
  const metricsPort = await freePort();
  const side = await openService(world, [], { env: { METRICS_PORT: String(metricsPort) } });
  await untilChecked(world);
  return { ...scenario, side, metricsPort, rounds: [] };
}

/** Returns the results of a scenario. `few` are the rounds of the first one. */
function resultsOf(
  { name, rounds }: Running,
  { few, memory }: Readonly<{ few: readonly Round[]; memory: number }>,
): readonly Figure[] {
  const of = (value: keyof Round): number => median(rounds.map((round) => round[value]));
  const against = (value: (round: Round) => number): number =>
    median(rounds.map((round, index) => value(round) / value(few[index] as Round)));
  const info = { target: null } as const;
  return [
    { name: `${name}: rate`, value: of('rate'), unit: '/s', ...info },
    { name: `${name}: Node`, value: of('node'), unit: 'us', ...info },
    { name: `${name}: PostgreSQL`, value: of('postgres'), unit: 'us', ...info },
    { name: `${name}: the process that sends the requests`, value: of('load'), unit: 'us', ...info },
    { name: `${name}: statements that reuse a plan`, value: of('reused'), unit: '', ...info },
    { name: `${name}: memory of a backend`, value: memory, unit: 'MB', ...info },
    {
      name: `${name}: Node and PostgreSQL, against 10 tenants`,
      value: against(({ node, postgres }) => node + postgres),
      unit: 'x',
      ...info,
    },
    {
      name: `${name}: rate, against 10 tenants`,
      value: against(({ rate }) => rate),
      unit: 'x',
      target: name === `${TENANTS} tenants in turn` ? 0.85 : null,
      atLeast: true,
    },
  ];
}

const fleet = await openFleet(Math.max(TENANTS, ZIPF_TENANTS));
const all: Running[] = [];
try {
  const [{ pid } = { pid: 0 }] = await fleet.asOwner<{ pid: number }>('select pg_backend_pid() as pid');
  const postgres = await serverOf(pid);
  for (const scenario of scenariosOf(logIn(fleet.users))) {
    all.push(await start(fleet, scenario));
  }
  await warmUp(all, postgres);
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const running of all) {
      running.rounds.push(await sendRound(running, postgres));
    }
    console.log(
      `round ${round}: ${all.map(({ rounds }) => `${rounds.at(-1)?.rate.toFixed(0)}/s`).join(', ')}`,
    );
  }
  const few = all[0]?.rounds ?? [];
  const results: Figure[] = [];
  for (let running = all.shift(); running; running = all.shift()) {
    results.push(...resultsOf(running, { few, memory: await stop(fleet, running) }));
  }
  await report('fleet', await versionOf(fleet), results);
} finally {
  await Promise.all(all.map(({ side }) => side.close()));
  await fleet.close();
}
process.exit();
