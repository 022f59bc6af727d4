import test from 'ava';

import { Unavailable } from '../../src/errors.ts';
import { createConcurrencyLimiter } from '../../src/tenancy/context/concurrency-limiter.ts';
import type { TenantId } from '../../src/tenancy/registry/tenant.ts';

const ACME = 'acme' as TenantId;
const GLOBEX = 'globex' as TenantId;

/** Whether a promise is settled after all ready tasks have run. */
async function isOpen(turn: Promise<unknown>): Promise<boolean> {
  let open = false;
  void turn.then(
    () => {
      open = true;
    },
    () => {},
  );
  await new Promise(setImmediate);
  return open;
}

test('admits a tenant up to its limit, and the next request waits', async (t) => {
  const { enter } = createConcurrencyLimiter({ limit: 2, timeoutMs: 60_000 });
  const leave = await enter(ACME, null);
  await enter(ACME, null);
  const third = enter(ACME, null);
  const fourth = enter(ACME, null);
  t.false(await isOpen(third));
  leave();
  t.true(await isOpen(third));
  t.false(await isOpen(fourth), 'in the order they came');
  leave();
  t.false(await isOpen(fourth), 'a place is given back once');
  (await third)();
  t.true(await isOpen(fourth));
});

test('a waiting tenant does not delay another', async (t) => {
  const { enter } = createConcurrencyLimiter({ limit: 1, timeoutMs: 60_000 });
  const leave = await enter(ACME, null);
  const waiting = enter(ACME, null);
  t.true(await isOpen(enter(GLOBEX, null)));
  // A wait that times out would be an unhandled rejection in another test file.
  leave();
  (await waiting)();
});

test('a tenant can override the limit', async (t) => {
  const { enter } = createConcurrencyLimiter({ limit: 1, timeoutMs: 60_000 });
  const leave = await enter(ACME, 3);
  await enter(ACME, 3);
  t.true(await isOpen(enter(ACME, 3)));
  const fourth = enter(ACME, 3);
  t.false(await isOpen(fourth));
  // Its timer would keep the process of the tests for a minute.
  leave();
  (await fourth)();
});

test('rejects a request after the timeout, with Retry-After', async (t) => {
  let refused = 0;
  const { enter } = createConcurrencyLimiter({
    limit: 1,
    timeoutMs: 1,
    onRefused: () => {
      refused += 1;
    },
  });
  const leave = await enter(ACME, null);
  const error = await t.throwsAsync(enter(ACME, null), { instanceOf: Unavailable });
  t.like(error, { code: 'overloaded', retryAfter: 1 });
  t.is(refused, 1);
  leave();
  t.true(await isOpen(enter(ACME, null)), 'the free place did not go to an aborted wait');
});

test('rejects a request immediately when the queue is full', async (t) => {
  const { enter } = createConcurrencyLimiter({ limit: 1, timeoutMs: 60_000 });
  const leave = await enter(ACME, null);
  const waiting = Array.from({ length: 1_000 }, () => enter(ACME, null));
  await t.throwsAsync(enter(ACME, null), { instanceOf: Unavailable });
  leave();
  for (const turn of waiting) {
    (await turn)();
  }
  t.true(await isOpen(enter(ACME, null)));
});
