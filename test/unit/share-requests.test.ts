import { EventEmitter } from 'node:events';
import test from 'ava';

import type { RequestLine } from '../../src/http/request-trace.ts';
import { createRequestCounter } from '../../src/observability/recent-requests.ts';
import { exchangeRequests, shareRequests } from '../../src/observability/share-requests.ts';

const line = { status: 200, duration: 5, schema: 'acme', databaseTime: 1 } as RequestLine;

/** Both ends of the channel between the primary process and a worker. */
function createChannel() {
  const [primary, worker] = [new EventEmitter(), new EventEmitter()];
  const end = (own: EventEmitter, other: EventEmitter) =>
    Object.assign(own, {
      isConnected: () => true,
      send: (message: unknown) => other.emit('message', structuredClone(message)),
    }) as never;
  return {
    ofPrimary: end(primary, worker),
    ofWorker: end(worker, primary),
    exit: () => primary.emit('exit'),
  };
}

test('workers of a cluster report the requests of all, and forget those of a worker that ended', async (t) => {
  const exchange = exchangeRequests();
  const channels = [createChannel(), createChannel()];
  const counters = [createRequestCounter(), createRequestCounter()];
  for (const { ofPrimary } of channels) {
    exchange(ofPrimary);
  }
  for (const counter of counters) {
    counter.add(line);
  }
  const open = (at: 0 | 1) => {
    const shared = shareRequests(counters[at] as never, channels[at]?.ofWorker);
    t.teardown(shared.close);
    return shared;
  };
  t.is(open(0).summary().count, 1);
  const second = open(1).summary();
  t.deepEqual([second.processes, second.count, second.tenants[0]?.requests], [2, 2, 2]);
  channels[0]?.exit();
  t.deepEqual([open(1).summary().processes, open(1).summary().count], [1, 1]);
});

test('a service of one process reports its own requests', (t) => {
  const counter = createRequestCounter();
  counter.add(line);
  const { processes, count } = shareRequests(counter, undefined).summary();
  t.deepEqual([processes, count], [1, 1]);
});
