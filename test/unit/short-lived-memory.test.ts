import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';

import { tenantTransaction } from '../../src/http/middleware/tenant-transaction.ts';
import { trackRequests } from '../../src/http/server/track-requests.ts';
import { createConcurrencyLimiter } from '../../src/tenancy/context/concurrency-limiter.ts';
import type { TenantId } from '../../src/tenancy/registry/tenant.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void;

/** Number of concurrent requests, and of all requests. */
const [PARALLEL, REQUESTS] = [16, 640];
/** Bytes that each request refers to. */
const BYTES = 40_000;

const createPayload = (): readonly number[] => new Array<number>(BYTES / 8).fill(1);

const oldBytes = (): number =>
  getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space')?.space_used_size ?? 0;

/**
 * Returns the share of the requests' memory that young collections did not free. Everything that exists before is in the
 * old space first, as in a service that has run for a while.
 */
async function survivingShare(begin: () => () => void): Promise<number> {
  const open: Array<() => void> = [];
  const runOne = async (): Promise<void> => {
    open.push(begin());
    if (open.length > PARALLEL) {
      open.shift()?.();
    }
    await nextTurn();
  };
  for (let request = 0; request < PARALLEL * 2; request += 1) {
    await runOne();
  }
  collect();
  collect();
  const before = oldBytes();
  for (let request = 0; request < REQUESTS; request += 1) {
    await runOne();
    if (request % PARALLEL === 0) {
      collect({ type: 'minor' });
    }
  }
  const share = (oldBytes() - before) / (REQUESTS * BYTES);
  // Requests that still wait would fail after the test, in a process that runs further files.
  for (const end of open) {
    end();
  }
  return share;
}

/** Objects that were in use during a young collection may become old. */
const MAX_SHARE = 0.3;

test('the next young collection frees the memory of a request', async (t) => {
  const server = new EventEmitter();
  trackRequests(server as Server);
  const transaction = tenantTransaction({ tenantDatabase: {} as never });
  const { enter } = createConcurrencyLimiter({ limit: 2, timeoutMs: 60_000 });
  const share = await survivingShare(() => {
    const response = Object.assign(new EventEmitter(), { payload: createPayload() });
    server.emit('request', {}, response);
    const ctx = { method: 'GET', state: { isSingle: true }, response };
    void transaction(ctx as never, async () => {});
    const entered = Promise.all(['acme', 'globex'].map((tenant) => enter(tenant as TenantId, PARALLEL / 2)));
    return () => {
      response.emit('close');
      void entered.then((leave) => [response, ...leave.map((one) => one())]);
    };
  });
  t.true(share < MAX_SHARE, `${share} of the memory became old`);
});
