/**
 * Measures the cost of the walls and of logs and metrics for a request:
 *   node bench/request.ts
 *
 * A transaction with one query behind all walls, compared with the usual form of a schema per
 * tenant: BEGIN, SET LOCAL search_path, the query and COMMIT, with a round trip each. Then GET
 * /api/notes/1/ of a process with logs and metrics, compared with one without. Both sides
 * alternate in short blocks, and the medians are compared. Last, the processor time of such a
 * request in Node and PostgreSQL, which other load affects least.
 */
import { Agent } from 'node:http';
import autocannon from 'autocannon';
import pg from 'pg';
import { sql } from 'slonik';
import { z } from 'zod';

import { withTenant } from '../src/tenancy/context/with-tenant.ts';
import { startMain } from '../test/cli/run.ts';
import { servedProject } from '../test/fixture-app/served-project.ts';
import { ask, environmentOf, logInAt, makeUser } from '../test/helpers/server.ts';
import { openWorld, type World } from '../test/helpers/world.ts';
import { bench, type Figure, median, timed } from './bench.ts';
import { processorTime } from './processor-time.ts';

const BLOCKS = 60;
const TRANSACTIONS = 100;
const REQUESTS = 100;
const LOAD = 20_000;
const QUIET = { LOG_LEVEL: 'silent' };
const TOLD = { LOG_LEVEL: 'info', METRICS_PORT: '0' };

/** Returns the median milliseconds of a block of each side. The blocks alternate. */
async function alternate(...sides: ReadonlyArray<() => Promise<unknown>>): Promise<readonly number[]> {
  const times: number[][] = sides.map(() => []);
  // The first block of each side is a warm-up and not counted.
  for (let block = 0; block <= BLOCKS; block += 1) {
    for (const [index, side] of sides.entries()) {
      const time = await timed(side);
      if (block > 0) {
        times[index]?.push(time);
      }
    }
  }
  return times.map(median);
}

async function transactions(world: World, contextMode: string): Promise<Figure[]> {
  await world.asOwner(`insert into acme.notes (name) values ('one')`);
  const id = z.object({ id: z.number() });
  const behindWalls = async (): Promise<void> => {
    for (let at = 0; at < TRANSACTIONS; at += 1) {
      await withTenant(world.tenantDatabase, { tenant: world.acme.id, readOnly: true }, (tx) =>
        tx.one(sql.type(id)`select id from notes where id = ${1}`),
      );
    }
  };
  // Policies do not apply to a superuser: only the search path selects the tenant.
  const client = new pg.Client(world.owner);
  await client.connect();
  const byPathAlone = async (): Promise<void> => {
    for (let at = 0; at < TRANSACTIONS; at += 1) {
      await client.query('begin read only');
      await client.query('set local search_path = acme, public');
      await client.query('select id from notes where id = $1', [1]);
      await client.query('commit');
    }
  };
  const [ours = 0, theirs = 0] = await alternate(behindWalls, byPathAlone);
  await client.end();
  return [
    {
      name: `${contextMode}: a transaction behind the walls, against one by path alone`,
      value: ours / theirs,
      unit: 'x',
      target: null,
    },
    {
      name: `${contextMode}: a transaction behind the walls`,
      value: ours / TRANSACTIONS,
      unit: 'ms',
      target: null,
    },
  ];
}

/** Measures the processor time of one GET of one row, in Node and in PostgreSQL. */
async function processors(world: World): Promise<Figure[]> {
  const { port, child, lines, ended } = await startMain(
    environmentOf(world, { ...TOLD, LANES: '2', POOL_SIZE: '8', CONNECTION_MAX_AGE: '86400' }),
  );
  try {
    const token = await logInAt(port, 'acme.localhost', 'ann');
    const load = async (amount: number): Promise<void> => {
      const { non2xx, errors } = await autocannon({
        url: `http://127.0.0.1:${port}/api/notes/1/`,
        headers: { host: 'acme.localhost', authorization: `Bearer ${token}` },
        amount,
        connections: 32,
      });
      lines.length = 0;
      if (non2xx + errors > 0) {
        throw new Error(`${non2xx + errors} reads did not return the project.`);
      }
    };
    await load(2_000);
    const backends = await world.asOwner<{ pid: number }>(
      `select pid from pg_stat_activity
       where usename = $1 and application_name like 'koa-tenants lane%'`,
      [world.service],
    );
    const used = async (): Promise<readonly number[]> => {
      const times = await Promise.all(backends.map(({ pid }) => processorTime(pid)));
      return [await processorTime(child.pid ?? 0), times.reduce((sum, time) => sum + time, 0)];
    };
    const before = await used();
    await load(LOAD);
    const after = await used();
    return ['Node', 'PostgreSQL'].map((where, index) => ({
      name: `processor time of a request in ${where}`,
      value: (((after[index] ?? 0) - (before[index] ?? 0)) * 1000) / LOAD,
      unit: 'us',
      target: null,
    }));
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

async function requests(world: World): Promise<Figure[]> {
  await makeUser(world, 'acme', 'ann');
  const services = await Promise.all([TOLD, QUIET].map((said) => startMain(environmentOf(world, said))));
  try {
    const [told = 0, quiet = 0] = await alternate(
      ...(await Promise.all(
        services.map(async ({ port, lines }) => {
          const token = await logInAt(port, 'acme.localhost', 'ann');
          const agent = new Agent({ keepAlive: true });
          return async (): Promise<void> => {
            for (let at = 0; at < REQUESTS; at += 1) {
              const { status, text } = await ask(port, 'acme.localhost', 'GET', '/api/notes/1/', {
                token,
                agent,
              });
              if (status !== 200) {
                throw new Error(`A read returned status ${status}: ${text}`);
              }
            }
            // The helper keeps them for tests.
            lines.length = 0;
          };
        }),
      )),
    );
    return [
      {
        name: 'a request that is logged and counted, against one that is not',
        value: told / quiet,
        unit: 'x',
        target: null,
      },
      { name: 'a request that is logged and counted', value: told / REQUESTS, unit: 'ms', target: null },
    ];
  } finally {
    for (const { child, ended } of services) {
      child.kill('SIGTERM');
      await ended;
    }
  }
}

await bench('request', async (world) => {
  const signed = await openWorld({ project: servedProject, contextMode: 'signed' });
  try {
    return [
      ...(await transactions(world, 'guarded')),
      ...(await transactions(signed, 'signed')),
      ...(await requests(world)),
      ...(await processors(world)),
    ];
  } finally {
    await signed.close();
  }
});
