import test, { type ExecutionContext } from 'ava';
import { sql } from 'slonik';
import { z } from 'zod';

import { type AffinePool, openAffinePool, type WaitLimits } from '../../src/db/pool/affine-pool.ts';
import { openWorld, type World } from '../helpers/world.ts';

let world: World;
test.before(async () => {
  world = await openWorld();
});
test.after.always(() => world?.close());

/** No transaction is a long one. */
const NEVER_LONG: WaitLimits = { longMs: 600_000, maxMs: 600_000 };
/** Every transaction is a long one. */
const ALWAYS_LONG: WaitLimits = { longMs: 0, maxMs: 600_000 };

/** Opens a pool that prefers connections. Returns it, and a function that uses a connection until it is released. */
async function openAffine(
  t: ExecutionContext,
  maxPoolSize: number,
  { limits = ALWAYS_LONG, poolTimeout = 60_000 }: { limits?: WaitLimits; poolTimeout?: number } = {},
) {
  const pool = await openAffinePool(
    {
      connection: { connectionString: world.serviceUrl },
      applicationName: 'koa-tenants test',
      connectTimeout: 60_000,
      queryTimeout: 40_000,
      maxPoolSize,
      poolTimeout,
      maxConnectionAge: 600_000,
    },
    limits,
  );
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

test('a pool lends each caller its preferred connection, and the next one while a long transaction uses it', async (t) => {
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

test('a caller waits for its preferred connection while a short transaction uses it, although another one is idle', async (t) => {
  const { pool, hold } = await openAffine(t, 2, { limits: NEVER_LONG });
  const [first] = await Promise.all([0, 1].map((preferred) => backendOf(pool, preferred)));
  const held = await hold(0);
  const waiting = backendOf(pool, 0);
  t.is(pool.state().waitingClients, 1);
  held.release();
  t.is(await waiting, first as number);
});

test('a second caller of a tenant gets an idle connection while the first one waits for the preferred one', async (t) => {
  const { pool, hold } = await openAffine(t, 2, { limits: NEVER_LONG });
  const [first, second] = await Promise.all([0, 1].map((preferred) => backendOf(pool, preferred)));
  const held = await hold(0);
  const waiting = backendOf(pool, 0);
  t.is(await backendOf(pool, 0), second as number);
  const ofAnother = backendOf(pool, 2);
  t.is(pool.state().waitingClients, 2, 'the other tenant waits for the connection that both prefer');
  held.release();
  t.deepEqual(await Promise.all([waiting, ofAnother]), [first, first] as number[]);
});

test('a second caller of a tenant gets the first connection that is freed while the first one waits', async (t) => {
  const { pool, hold } = await openAffine(t, 2, { limits: NEVER_LONG });
  const [, second] = await Promise.all([0, 1].map((preferred) => backendOf(pool, preferred)));
  const held = await Promise.all([hold(0), hold(1)]);
  const waiting = [backendOf(pool, 0), backendOf(pool, 0)] as const;
  held[1].release();
  t.is(await waiting[1], second as number);
  held[0].release();
  await waiting[0];
});

test('a caller that has waited for its preferred connection for `maxMs` gets an idle one', async (t) => {
  const { pool, hold } = await openAffine(t, 2, { limits: { longMs: 600_000, maxMs: 0 } });
  const [, second] = await Promise.all([0, 1].map((preferred) => backendOf(pool, preferred)));
  const held = await hold(0);
  const waiting = backendOf(pool, 0);
  t.is(await waiting, second as number);
  held.release();
  await held.ended;
});

test('a freed connection goes to the waiting caller that prefers it, before those that wait longer', async (t) => {
  const { pool, hold } = await openAffine(t, 2);
  const held = await Promise.all([hold(0), hold(1)] as const);
  const served: string[] = [];
  const waiting = (['prefers 1', 'prefers 0'] as const).map((name) =>
    pool.preferring(Number(name.at(-1))).connect(async () => {
      served.push(name);
    }),
  );
  held[0].release();
  await Promise.all(waiting);
  t.deepEqual(
    served,
    ['prefers 0', 'prefers 1'],
    'then to the other one, because a long transaction uses its own',
  );
  held[1].release();
  await held[1].ended;
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
  const { pool, hold } = await openAffine(t, 1, { poolTimeout: 50 });
  const held = await hold(0);
  await t.throwsAsync(backendOf(pool, 0), { code: 'overloaded' } as never);
  t.is(pool.state().waitingClients, 0);
  held.release();
  await held.ended;
  t.true((await backendOf(pool, 0)) > 0);
});
