/**
 * Measures requests of few and of many tenants:
 *   [BENCH_DATA=folder] node bench/fleet.ts [tenants in turn, 1500] [tenants by Zipf's law, 10000] [rounds, 5]
 *
 * GET of one row with 10 tenants, with 100 and with 1,500 in turn, and with 10,000 by Zipf's law (the tenant of rank n gets
 * a share of 1/n), with the default settings. Each of the four has a service with backends of its own, on the same
 * PostgreSQL, so that none closes the statements of another. The server of reference/schemas.ts, without any wall, has two
 * sets of the same schemas: 10 tenants and 1,500. Rounds alternate, first until all services are warm, then
 * measured: only one service has load at a time, and none is without load for the 60 seconds after which the pool
 * closes its connections. Ratios are those of rounds that follow each other. The results are the rate, the processor time
 * of a request (of Node, of PostgreSQL, and of this process, which sends the requests from the same cores), the share of
 * statements that reuse a plan, and the private memory of a backend. The tenants have three tables each: see
 * slim-tenants.ts. BENCH_DATA keeps them for other runs and for start.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { freePort } from '../test/helpers/free-port.ts';
import { scrape } from '../test/helpers/scrape.ts';
import { type Figure, median, report, versionOf } from './bench.ts';
import { type Round, type RunningSet, sendRound, stop, warmUp } from './fleet-rounds.ts';
import type { LoadRequest } from './load.ts';
import { type OpenFleet, openFleet } from './open-fleet.ts';
import { openSchemasReference } from './open-schemas-reference.ts';
import { serverOf } from './processor-time.ts';
import { CONNECTIONS, logIn, openService } from './sides.ts';

const TENANTS = Number(process.argv[2] ?? 1_500);
const ZIPF_TENANTS = Number(process.argv[3] ?? 10_000);
const ROUNDS = Number(process.argv[4] ?? 5);
/** Length of the sequence that each connection draws for a round by Zipf's law. */
const SEQUENCE = 500;

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

/** Waits until the checks of all tenants, which run while the service serves, have ended. */
async function untilChecked({ asOwner }: OpenFleet): Promise<void> {
  const find = () => asOwner(`select from pg_stat_activity where application_name = 'koa-tenants checks'`);
  while ((await find()).length > 0) {
    await sleep(100);
  }
}

async function startService(
  fleet: OpenFleet,
  set: Pick<RunningSet, 'name' | 'inTurn' | 'requests'>,
): Promise<RunningSet> {
  const metricsPort = await freePort();
  const { server, close } = await openService(fleet, [], { env: { METRICS_PORT: String(metricsPort) } });
  await untilChecked(fleet);
  const statementUse = async () => {
    const { total } = await scrape(metricsPort);
    const count = (result: string) => total('koa_tenants_prepared_statements_total', { result });
    return { hits: count('hit'), misses: count('miss') };
  };
  return { ...set, server, statementUse, close, rounds: [] };
}

async function startReference(fleet: OpenFleet, count: number): Promise<RunningSet> {
  const { server, requests, close } = await openSchemasReference(fleet, { count, connections: CONNECTIONS });
  const name = `${count} tenants in turn, without walls`;
  return { name, inTurn: count, requests, server, statementUse: null, close, rounds: [] };
}

/** Starts the servers one after the other. `sets` receives each one, so that the caller can close those that run. */
async function start(fleet: OpenFleet, sets: RunningSet[]): Promise<void> {
  const requests = logIn(fleet.users).map(
    ({ headers }): LoadRequest => ({ method: 'GET', path: '/api/projects/1/', headers }),
  );
  for (const count of [10, 100, TENANTS]) {
    const set = { name: `${count} tenants in turn`, inTurn: count, requests: requests.slice(0, count) };
    sets.push(await startService(fleet, set));
  }
  const drawn = zipf(requests.slice(0, ZIPF_TENANTS));
  const name = `${ZIPF_TENANTS} tenants by Zipf's law`;
  sets.push(await startService(fleet, { name, inTurn: null, requests: drawn }));
  for (const count of [10, TENANTS]) {
    sets.push(await startReference(fleet, count));
  }
}

/** Returns the median of the ratios of two sets' rounds. */
const ratio = (of: RunningSet, to: RunningSet, value: (round: Round) => number): number =>
  median(of.rounds.map((round, index) => value(round) / value(to.rounds[index] as Round)));

const info = { target: null } as const;

/** Returns the results of a set. `few` is the set of 10 tenants of the same kind of server. */
function resultsOf(set: RunningSet, few: RunningSet, memory: number): readonly Figure[] {
  const { name, rounds } = set;
  const of = (value: keyof Round): number => median(rounds.map((round) => round[value]));
  const reused = of('reused');
  return [
    { name: `${name}: rate`, value: of('rate'), unit: '/s', ...info },
    { name: `${name}: Node`, value: of('node'), unit: 'us', ...info },
    { name: `${name}: PostgreSQL`, value: of('postgres'), unit: 'us', ...info },
    { name: `${name}: the process that sends the requests`, value: of('load'), unit: 'us', ...info },
    ...(Number.isNaN(reused)
      ? []
      : [{ name: `${name}: statements that reuse a plan`, value: reused, unit: '', ...info }]),
    { name: `${name}: memory of a backend`, value: memory, unit: 'MB', ...info },
    {
      name: `${name}: Node and PostgreSQL, against 10 tenants`,
      value: ratio(set, few, ({ node, postgres }) => node + postgres),
      unit: 'x',
      ...info,
    },
    {
      name: `${name}: rate, against 10 tenants`,
      value: ratio(set, few, ({ rate }) => rate),
      unit: 'x',
      target: set.statementUse && set.inTurn === TENANTS ? 0.85 : null,
      atLeast: true,
    },
  ];
}

const fleet = await openFleet(Math.max(TENANTS, ZIPF_TENANTS));
const sets: RunningSet[] = [];
const closed = new Set<RunningSet>();
try {
  const [{ pid } = { pid: 0 }] = await fleet.asOwner<{ pid: number }>('select pg_backend_pid() as pid');
  const postgres = await serverOf(pid);
  await start(fleet, sets);
  await warmUp(sets, postgres);
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const set of sets) {
      set.rounds.push(await sendRound(set, postgres));
    }
    console.log(
      `round ${round}: ${sets.map(({ rounds }) => `${rounds.at(-1)?.rate.toFixed(0)}/s`).join(', ')}`,
    );
  }
  const results: Figure[] = [];
  for (const set of sets) {
    const few = sets.find(({ statementUse }) => !statementUse === !set.statementUse) ?? set;
    closed.add(set);
    results.push(...resultsOf(set, few, await stop(fleet, set)));
  }
  for (const reference of sets.filter(({ statementUse }) => !statementUse)) {
    const service = sets.find(({ inTurn }) => inTurn === reference.inTurn) ?? reference;
    results.push({
      name: `${service.name}: rate, against the server without walls`,
      value: ratio(service, reference, ({ rate }) => rate),
      unit: 'x',
      ...info,
    });
  }
  await report('fleet', await versionOf(fleet), results);
} finally {
  await Promise.all(sets.filter((set) => !closed.has(set)).map(({ close }) => close()));
  await fleet.close();
}
process.exit();
