/**
 * Compares the service with the server of reference/server.ts:
 *   make bench [QUICK=1]
 *
 * GET of one row, a list of 20 of 1,000 rows and POST, of 10 tenants in turn, over 32 connections. One
 * process of each server, on the same PostgreSQL. The service runs in production mode with every wall,
 * limit, metric, log line and the session reset. Both servers have the same number of rows and of
 * database connections. They alternate in short rounds; the ratio of each round is taken, and the
 * medians are reported. Processor time is that of the Node process and of all processes of PostgreSQL.
 */
import { project } from '../src/project.ts';
import type { World } from '../test/helpers/world.ts';
import { bench, type Figure, median } from './bench.ts';
import { fetchOne, type LoadRequest, load } from './load.ts';
import { processorTime, serverOf, serverProcessorTime } from './processor-time.ts';
import { openReference, openService, PROJECTS, type Side } from './sides.ts';

const QUICK = process.argv.includes('--quick');
const TENANTS = 10;
const ROUNDS = QUICK ? 3 : 7;
const SECONDS = QUICK ? 2 : 4;
/** Node compiles, and PostgreSQL plans a statement anew, in the first requests. */
const WARM_UP_SECONDS = QUICK ? 4 : 15;

/** One kind of request. */
const KINDS = [
  { name: 'GET one', method: 'GET', path: '/api/projects/1/' },
  { name: 'list', method: 'GET', path: '/api/projects/?page=2' },
  { name: 'POST', method: 'POST', path: '/api/projects/', body: JSON.stringify({ name: 'a new project' }) },
] as const;
type Kind = (typeof KINDS)[number];

/** A round of one side. Processor times are in microseconds per request. */
type Round = Readonly<{ rate: number; node: number; postgres: number }>;

const requestsOf = ({ tenants }: Side, { method, path, ...rest }: Kind): readonly LoadRequest[] =>
  tenants.map(({ headers }) => ({ method, path, headers, ...rest }));

async function measureRound(side: Side, kind: Kind, postgres: number, seconds: number): Promise<Round> {
  const times = () => Promise.all([processorTime(side.server.pid), serverProcessorTime(postgres)]);
  const before = await times();
  const { responses, seconds: took } = await load(side.server.port, requestsOf(side, kind), seconds);
  const after = await times();
  const used = (index: 0 | 1): number => ((after[index] - before[index]) * 1000) / responses;
  if (kind.method === 'POST') {
    await side.deleteNew();
  }
  return { rate: responses / took, node: used(0), postgres: used(1) };
}

/** Fails when the two servers do not return the same data. */
async function assertEqual(sides: readonly Side[]): Promise<void> {
  for (const kind of KINDS) {
    const [ours = {}, theirs = {}] = await Promise.all(
      sides.map(async (side) => {
        const [first] = requestsOf(side, kind);
        const { id, name, description, count, results } = first
          ? await fetchOne(side.server.port, first)
          : {};
        const names = Array.isArray(results) ? results.map((row) => `${row.id} ${row.name}`) : null;
        return { id: kind.method === 'POST' ? typeof id : id, name, description, count, names };
      }),
    );
    if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
      throw new Error(`${kind.name}: ${JSON.stringify(ours)} is not ${JSON.stringify(theirs)}.`);
    }
  }
  for (const side of sides) {
    await side.deleteNew();
    if ((await side.count()) !== TENANTS * PROJECTS) {
      throw new Error(`${side.name} has another number of rows.`);
    }
  }
}

type Summary = Readonly<{ kind: Kind; ours: Round; theirs: Round; ratio: Round & { both: number } }>;

/** Medians of both sides, and the median of the ratios of each round. */
function summarize(kind: Kind, ours: readonly Round[], theirs: readonly Round[]): Summary {
  const of = (rounds: readonly Round[]): Round => ({
    rate: median(rounds.map(({ rate }) => rate)),
    node: median(rounds.map(({ node }) => node)),
    postgres: median(rounds.map(({ postgres }) => postgres)),
  });
  const ratio = (value: (round: Round) => number): number =>
    median(
      ours.map((round, index) => {
        const other = theirs[index];
        return other ? value(round) / value(other) : Number.NaN;
      }),
    );
  return {
    kind,
    ours: of(ours),
    theirs: of(theirs),
    ratio: {
      rate: ratio(({ rate }) => rate),
      node: ratio(({ node }) => node),
      postgres: ratio(({ postgres }) => postgres),
      both: ratio(({ node, postgres }) => node + postgres),
    },
  };
}

function resultsOf({ kind: { name }, ours, theirs, ratio }: Summary): readonly Figure[] {
  const isOne = name === 'GET one';
  const info = { target: null } as const;
  return [
    { name: `${name}: rate, against Fastify`, value: ratio.rate, unit: 'x', target: 0.9, atLeast: true },
    { name: `${name}: rate`, value: ours.rate, unit: '/s', ...info },
    { name: `${name}: rate of Fastify`, value: theirs.rate, unit: '/s', ...info },
    { name: `${name}: Node`, value: ours.node, unit: 'us', target: isOne ? 400 : null },
    { name: `${name}: Node of Fastify`, value: theirs.node, unit: 'us', ...info },
    { name: `${name}: PostgreSQL`, value: ours.postgres, unit: 'us', ...info },
    { name: `${name}: PostgreSQL of Fastify`, value: theirs.postgres, unit: 'us', ...info },
    {
      name: `${name}: PostgreSQL, against Fastify`,
      value: ratio.postgres,
      unit: 'x',
      target: isOne ? 1 : null,
    },
    { name: `${name}: Node and PostgreSQL, against Fastify`, value: ratio.both, unit: 'x', ...info },
  ];
}

const table = (summaries: readonly Summary[]): string => {
  const whole = (value: number): string => String(Math.round(value));
  const rows = summaries.map(({ kind: { name }, ours, theirs, ratio }) => [
    name,
    whole(ours.rate),
    whole(theirs.rate),
    ratio.rate.toFixed(2),
    `${whole(ours.node)} + ${whole(ours.postgres)}`,
    `${whole(theirs.node)} + ${whole(theirs.postgres)}`,
    ratio.both.toFixed(2),
  ]);
  return [
    '| request | koa-tenants /s | Fastify /s | ratio | koa-tenants: Node + PostgreSQL, us | Fastify: Node + PostgreSQL, us | ratio |',
    '|---|---|---|---|---|---|---|',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n');
};

async function compare(world: World): Promise<readonly Summary[]> {
  const members = [world.acme, world.globex];
  for (let number = members.length + 1; number <= TENANTS; number += 1) {
    members.push(await world.provision(`tenant_${number}`));
  }
  const [{ pid } = { pid: 0 }] = await world.asOwner<{ pid: number }>('select pg_backend_pid() as pid');
  const postgres = await serverOf(pid);
  const sides = [await openService(world, members), await openReference(TENANTS)] as const;
  try {
    await assertEqual(sides);
    const rounds = new Map(KINDS.map((kind) => [kind, sides.map((): Round[] => [])]));
    for (let number = 0; number <= ROUNDS; number += 1) {
      for (const [kind, measured] of rounds) {
        for (const index of number % 2 === 0 ? [0, 1] : [1, 0]) {
          const side = sides[index];
          if (side) {
            const round = await measureRound(side, kind, postgres, number > 0 ? SECONDS : WARM_UP_SECONDS);
            // The first round is a warm-up.
            if (number > 0) {
              measured[index]?.push(round);
            }
          }
        }
      }
    }
    return [...rounds].map(([kind, [ours = [], theirs = []]]) => summarize(kind, ours, theirs));
  } finally {
    await Promise.all(sides.map((side) => side.close()));
  }
}

let summaries: readonly Summary[] = [];
await bench(
  QUICK ? 'requests-quick' : 'requests',
  async (world) => {
    summaries = await compare(world);
    return summaries.flatMap(resultsOf);
  },
  { project, table: () => table(summaries) },
);
process.exit();
