/**
 * Measures the start of the service in production mode on a fleet:
 *   npm run build && [BENCH_DATA=folder] node bench/start.ts [tenants, 10000]
 *
 * Processor time of the service and of PostgreSQL until the service is ready, without that of an empty
 * Node process; with as many tenants and with two. It includes that of V8's threads, and of the request for readiness.
 * The service starts as in the image: bundled, and with the compiled code of its modules in a folder that
 * fill-compile-cache.ts has filled once, which is not included. The tenants have three tables each: see
 * slim-tenants.ts. BENCH_DATA keeps them for other runs and for fleet.ts. With more than START_CHECK_TENANTS tenants
 * (200), the fleet checks run while the service serves. Prints the processor time of the other checks, and the checks
 * that took longest.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { checkNames, runCheck } from '../src/db/checks.ts';
import { FLEET_CHECKS } from '../src/tenancy/install/fleet-checks.ts';
import { median, report, timed, versionOf } from './bench.ts';
import { type OpenFleet, openFleet } from './open-fleet.ts';
import { processorTime, serverOf, serverProcessorTime } from './processor-time.ts';
import { openService } from './sides.ts';

const TENANTS = Number(process.argv[2] ?? 10_000);
const ROUNDS = 5;
/** The compiled service, as the image has it. */
const MAIN = join(import.meta.dirname, '../dist/src/main.js');
/** Fills the folder with the compiled code, as the Dockerfile does. */
const FILL = join(import.meta.dirname, '../scripts/fill-compile-cache.ts');
const LISTED = 5;

async function isReady(port: number): Promise<boolean> {
  const sent = request({ port, host: '127.0.0.1', path: '/readyz' }).end();
  const [response] = await once(sent, 'response');
  response.resume();
  return response.statusCode === 200;
}

/** Returns the milliseconds of processor time of a Node process that does nothing. */
function emptyNode(): number {
  const before = process.resourceUsage();
  const script = 'process.stdout.write(JSON.stringify(process.cpuUsage()))';
  const { stdout } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  const { user, system } = stdout ? JSON.parse(stdout) : before;
  return (user + system) / 1000;
}

type Start = Readonly<{ node: number; postgres: number }>;

/** Returns a new folder with the compiled code of the service's modules. */
async function fillCompileCache(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'koa-tenants-compiled-'));
  const env = { ...process.env, NODE_COMPILE_CACHE: folder };
  execFileSync(process.execPath, [FILL], { cwd: join(import.meta.dirname, '..'), env });
  return folder;
}

/** Returns the processor time in milliseconds from the start of the process until `/readyz` is 200. */
async function measureStart(world: OpenFleet, postgres: number): Promise<Start> {
  const before = await serverProcessorTime(postgres);
  const service = await openService(world, [], { main: MAIN, env: { NODE_COMPILE_CACHE: compiled } });
  try {
    while (!(await isReady(service.server.port))) {
      await wait(10);
    }
    return {
      node: await processorTime(service.server.pid),
      postgres: (await serverProcessorTime(postgres)) - before,
    };
  } finally {
    await service.close();
  }
}

async function measureStarts(world: OpenFleet): Promise<Start> {
  const starts: Start[] = [];
  const [{ pid } = { pid: 0 }] = await world.asOwner<{ pid: number }>('select pg_backend_pid() as pid');
  const postgres = await serverOf(pid);
  // The first start runs all checks before it listens, and stores that they had no finding.
  await measureStart(world, postgres);
  for (let round = 0; round < ROUNDS; round += 1) {
    starts.push(await measureStart(world, postgres));
  }
  return {
    node: median(starts.map(({ node }) => node)),
    postgres: median(starts.map(({ postgres: used }) => used)),
  };
}

/**
 * Returns the milliseconds of processor time of the checks that run before the service listens, and of the fleet
 * checks, each on a new connection. Prints the checks that take longest.
 */
async function measureChecks(world: OpenFleet): Promise<Readonly<{ first: number; fleet: number }>> {
  const times: Array<readonly [string, number]> = [];
  const sums = { first: 0, fleet: 0 };
  for (const isFleet of [false, true]) {
    const client = await world.ownBackend();
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const pid = rows[0]?.pid ?? 0;
    const query = async (text: string) => (await client.query(text)).rows;
    const before = await processorTime(pid);
    for (const check of (await checkNames()).filter((name) => FLEET_CHECKS.includes(name) === isFleet)) {
      times.push([check, await timed(() => runCheck(query, { check, service: world.service }))]);
    }
    sums[isFleet ? 'fleet' : 'first'] = (await processorTime(pid)) - before;
  }
  times.sort(([, a], [, b]) => b - a);
  for (const [check, time] of times.slice(0, LISTED)) {
    console.log(`${check.padEnd(70)} ${time.toFixed(0).padStart(8)} ms`);
  }
  return sums;
}

async function withFleet<T>(
  count: number,
  folder: string,
  measure: (fleet: OpenFleet) => Promise<T>,
): Promise<T> {
  const fleet = await openFleet(count, folder);
  try {
    return await measure(fleet);
  } finally {
    await fleet.close();
  }
}

const compiled = await fillCompileCache();
const few = await withFleet(2, '', measureStarts);
const { many, first, fleetChecks, version } = await withFleet(
  TENANTS,
  process.env.BENCH_DATA ?? '',
  async (fleet) => {
    const starts = await measureStarts(fleet);
    const checks = await measureChecks(fleet);
    return { many: starts, first: checks.first, fleetChecks: checks.fleet, version: await versionOf(fleet) };
  },
);
await rm(compiled, { recursive: true });
const empty = median(Array.from({ length: ROUNDS }, emptyNode));
const info = { unit: 'ms', target: null } as const;
await report('start', version, [
  {
    name: `Node and PostgreSQL, ${TENANTS} tenants, without an empty process`,
    value: many.node - empty + many.postgres,
    ...info,
  },
  { name: `Node, ${TENANTS} tenants, without an empty process`, value: many.node - empty, ...info },
  { name: 'Node, 2 tenants, without an empty process', value: few.node - empty, ...info },
  { name: 'an empty Node process', value: empty, ...info },
  { name: `PostgreSQL, ${TENANTS} tenants`, value: many.postgres, ...info },
  { name: 'PostgreSQL, 2 tenants', value: few.postgres, ...info },
  { name: `checks that run first, ${TENANTS} tenants`, value: first, ...info },
  { name: `fleet checks, ${TENANTS} tenants`, value: fleetChecks, ...info },
]);
process.exit();
