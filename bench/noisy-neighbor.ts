/**
 * Measures what a flood from one tenant does to the reads of others:
 *   node bench/noisy-neighbor.ts
 *
 * One service process with two lanes. A user of a tenant on the flooded lane, and one of a tenant
 * on the other lane, read a project every few milliseconds, first without other load and then
 * while 100 connections send requests to another tenant. Quiet and flooded halves alternate, so
 * that other load of the machine affects both. First the flooding tenant has limits, then the
 * default ones.
 */
import { spawn } from 'node:child_process';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { shardOf } from '../src/tenancy/context/pool-shards.ts';
import { changeSettings } from '../src/tenancy/registry/change-settings.ts';
import { startMain } from '../test/cli/run.ts';
import { environmentOf, makeUser, PASSWORD, sendRequest } from '../test/helpers/server.ts';
import type { Member, World } from '../test/helpers/world.ts';
import { bench, type Figure } from './bench.ts';

const CONNECTIONS = 100;
const LANES = 2;
/** Milliseconds of each half, and the number of halves of each kind. */
const HALF = 4_000;
const ROUNDS = 4;
/** Milliseconds between two reads of one reader. */
const READ_INTERVAL_MS = 5;
type Case = readonly [what: string, target: number | null, limits: Readonly<Record<string, string>>];
const CASES: readonly Case[] = [
  [
    '600 requests a minute, one at a time',
    1.5,
    { TENANT_REQUESTS_PER_MINUTE: '600', TENANT_CONCURRENCY: '1' },
  ],
  ['one at a time', null, { TENANT_CONCURRENCY: '1' }],
  ['standard limits', null, {}],
];

type Reader = Readonly<{ name: string; host: string; token: string }>;

function quantile(times: readonly number[], share: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Creates tenants until one is on a lane, and returns it. */
async function tenantOn(world: World, lane: number, prefix: string): Promise<Member> {
  for (let at = 0; ; at += 1) {
    const tenant = await world.provision(`${prefix}_${at}`);
    if (shardOf(tenant.id, LANES) === lane) {
      return tenant;
    }
  }
}

async function startFlood(port: number, host: string, token: string) {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'flood.ts'), String(port), host, String(CONNECTIONS)],
    { env: { ...process.env, FLOOD_TOKEN: token }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  await lines.next();
  return {
    stop: async (): Promise<{ served: number; refused: number }> => {
      child.kill('SIGTERM');
      return JSON.parse((await lines.next()).value ?? '{}');
    },
  };
}

await bench('noisy-neighbor', async (world) => {
  const flooded = shardOf(world.acme.id, LANES);
  const tenants = [
    { name: 'the same lane', tenant: await tenantOn(world, flooded, 'near') },
    { name: 'another lane', tenant: await tenantOn(world, 1 - flooded, 'far') },
  ];
  for (const { schema } of [world.acme, ...tenants.map(({ tenant }) => tenant)]) {
    await makeUser(world, schema, 'ann');
    await world.asOwner(`insert into ${schema}.notes (id, name) values (1, 'one')`);
  }
  const { port, child, ended } = await startMain(
    environmentOf(world, { LANES: String(LANES), POOL_SIZE: '10', LOG_LEVEL: 'info' }),
  );
  const logIn = async (host: string): Promise<string> => {
    const body = { username: 'ann', password: PASSWORD };
    return (await sendRequest(port, host, 'POST', '/api/auth/jwt/create/', { body })).body.access;
  };

  try {
    const token = await logIn(world.acme.host);
    const readers: Reader[] = [];
    for (const { name, tenant } of tenants) {
      readers.push({ name, host: tenant.host, token: await logIn(tenant.host) });
    }
    const agents = readers.map(() => new Agent({ keepAlive: true, maxSockets: 4 }));

    const read = async ({ host, token }: Reader, agent: Agent | undefined): Promise<number[]> => {
      const times: number[] = [];
      for (const end = performance.now() + HALF; performance.now() < end; await wait(READ_INTERVAL_MS)) {
        const started = performance.now();
        const { status } = await sendRequest(port, host, 'GET', '/api/notes/1/', {
          token,
          ...(agent ? { agent } : {}),
        });
        if (status !== 200) {
          throw new Error(`A read returned status ${status}.`);
        }
        times.push(performance.now() - started);
      }
      return times;
    };
    const readAll = (): Promise<number[][]> =>
      Promise.all(readers.map((reader, index) => read(reader, agents[index])));

    const compare = async (what: string, target: number | null): Promise<Figure[]> => {
      const quiet: number[][] = readers.map(() => []);
      const noisy: number[][] = readers.map(() => []);
      const counts = { served: 0, refused: 0 };
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const [index, times] of (await readAll()).entries()) {
          quiet[index]?.push(...times);
        }
        const flood = await startFlood(port, world.acme.host, token);
        for (const [index, times] of (await readAll()).entries()) {
          noisy[index]?.push(...times);
        }
        const { served, refused } = await flood.stop();
        counts.served += served;
        counts.refused += refused;
      }
      const seconds = (ROUNDS * HALF) / 1000;
      return [
        ...readers.flatMap(({ name }, index) => {
          const [quietTimes = [], noisyTimes = []] = [quiet[index], noisy[index]];
          return [
            {
              name: `${what}: p99 of ${name}, against quiet`,
              value: quantile(noisyTimes, 0.99) / quantile(quietTimes, 0.99),
              unit: 'x',
              target,
            },
            {
              name: `${what}: p99 of ${name}, quiet`,
              value: quantile(quietTimes, 0.99),
              unit: 'ms',
              target: null,
            },
            {
              name: `${what}: median of ${name}, against quiet`,
              value: quantile(noisyTimes, 0.5) / quantile(quietTimes, 0.5),
              unit: 'x',
              target: null,
            },
          ];
        }),
        {
          name: `${what}: requests of the flood that were served`,
          value: counts.served / seconds,
          unit: '/s',
          target: null,
        },
        {
          name: `${what}: requests of the flood that were refused`,
          value: counts.refused / seconds,
          unit: '/s',
          target: null,
        },
      ];
    };

    await readAll();
    const statistics: Figure[] = [];
    for (const [what, target, limits] of CASES) {
      await changeSettings(world.fleet.project, world.owner, 'acme', { set: limits, unset: [] });
      await wait(500);
      statistics.push(...(await compare(what, target)));
      await changeSettings(world.fleet.project, world.owner, 'acme', { set: {}, unset: Object.keys(limits) });
    }
    return statistics;
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
});
