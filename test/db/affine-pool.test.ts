import test, { type ExecutionContext } from 'ava';
import { sql } from 'slonik';
import { z } from 'zod';

import { type AffinePool, openAffinePool } from '../../src/db/pool/affine-pool.ts';
import { openWorld, type World } from '../helpers/world.ts';

let world: World;
test.before(async () => {
  world = await openWorld();
});
test.after.always(() => world?.close());

/** Opens a pool that prefers connections. Returns it, and a function that uses a connection until it is released. */
async function openAffine(t: ExecutionContext, maxPoolSize: number, poolTimeout = 60_000) {
  const pool = await openAffinePool({
    connection: { connectionString: world.serviceUrl },
    applicationName: 'koa-tenants test',
    connectTimeout: 10_000,
    queryTimeout: 10_000,
    maxPoolSize,
    poolTimeout,
    maxConnectionAge: 600_000,
  });
  t.teardown(pool.end);
  const hold = async (preferred: number) => {
    const [taken, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const ended = pool.preferring(preferred).connect(async () => {
      taken.resolve();
      await released.promise;
    });
    await taken.promise;
    return { release: released.resolve, ended };
  };
  return { pool, hold };
}

const backendOf = async (pool: AffinePool, preferred = 0): Promise<number> => {
  const [found] = await pool
    .preferring(preferred)
    .any(sql.type(z.object({ pid: z.number() }))`select pg_backend_pid() as pid`);
  return found?.pid ?? 0;
};

test('a pool lends each caller its preferred connection while that is idle, and otherwise the next one', async (t) => {
  const { pool, hold } = await openAffine(t, 3);
  const first = await Promise.all([0, 1, 2].map((preferred) => backendOf(pool, preferred)));
  t.is(new Set(first).size, 3);
  for (const preferred of [2, 0, 1, 1, 0, 2, 5]) {
    t.true((await backendOf(pool, preferred)) === first[preferred % 3]);
  }
  const held = await hold(1);
  t.true((await backendOf(pool, 1)) === first[2]);
  held.release();
  await held.ended;
  t.true((await backendOf(pool, 1)) === first[1]);
});

test('lends a tenant an idle connection that it has used before, rather than another one', async (t) => {
  const { pool, hold } = await openAffine(t, 3);
  const tenant = pool.preferring(0);
  const backend = async () => {
    const query = sql.type(z.object({ pid: z.number() }))`select pg_backend_pid() as pid`;
    return (await tenant.any(query))[0]?.pid;
  };
  const first = await Promise.all([0, 1, 2].map((preferred) => backendOf(pool, preferred)));
  const held = await Promise.all([hold(0), hold(1)] as const);
  t.is(await backend(), first[2]);
  held[1].release();
  await held[1].ended;
  t.is(await backend(), first[2], 'not the next one, which it has not used');
  held[0].release();
  await held[0].ended;
  t.is(await backend(), first[0], 'its preferred one first');
});

test('a freed connection goes to the waiting caller whose tenant has used it before', async (t) => {
  const { pool, hold } = await openAffine(t, 2);
  const tenant = pool.preferring(1);
  const second = await hold(1);
  await tenant.connect(async () => {});
  const first = await hold(0);
  const served: string[] = [];
  const waiting = [
    pool.preferring(1).connect(async () => {
      served.push('another tenant');
    }),
    tenant.connect(async () => {
      served.push('the tenant that has used it');
    }),
  ];
  first.release();
  await Promise.all(waiting);
  t.deepEqual(served, ['the tenant that has used it', 'another tenant']);
  second.release();
  await second.ended;
});

test('a freed connection goes to the waiting caller that prefers it, and overtakes another 16 times at most', async (t) => {
  const { pool, hold } = await openAffine(t, 2);
  const held = await Promise.all([hold(0), hold(1)] as const);
  const served: string[] = [];
  const waiting = ['other', ...Array.from({ length: 18 }, (_, index) => `own ${index + 1}`)].map((name) =>
    pool.preferring(name === 'other' ? 1 : 0).connect(async () => {
      served.push(name);
    }),
  );
  t.is(pool.state().waitingClients, 19);
  held[0].release();
  await Promise.all(waiting);
  t.is(served[0], 'own 1');
  t.is(served[16], 'other');
  t.is(served[18], 'own 18');
  held[1].release();
  await held[1].ended;
});

test('rejects a caller that gets no connection of a preferring pool in time, and serves the next', async (t) => {
  const { pool, hold } = await openAffine(t, 1, 50);
  const held = await hold(0);
  await t.throwsAsync(backendOf(pool, 0), { code: 'overloaded' } as never);
  t.is(pool.state().waitingClients, 0);
  held.release();
  await held.ended;
  t.true((await backendOf(pool, 0)) > 0);
});
