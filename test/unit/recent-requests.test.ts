import test from 'ava';

import type { RequestLine } from '../../src/http/request-trace.ts';
import { createRequestCounter, summarize } from '../../src/observability/recent-requests.ts';

const line = (facts: Partial<RequestLine>): RequestLine => ({
  requestId: 'r',
  method: 'GET',
  route: '/api/notes',
  path: '/api/notes/',
  status: 200,
  code: null,
  duration: 10,
  queries: 1,
  databaseTime: 4,
  tenant: 'id',
  schema: 'acme',
  lane: 'main/0',
  user: null,
  actor: null,
  ...facts,
});

test('sums requests, errors, durations and the time of tenants', (t) => {
  let now = 1_000_000;
  const counter = createRequestCounter(() => now);
  for (let request = 0; request < 98; request += 1) {
    counter.add(line({}));
  }
  counter.add(line({ status: 503, duration: 1_000, schema: 'globex', databaseTime: 900 }));
  counter.add(line({ status: 404, duration: 2_000, schema: null }));
  now += 30_000;
  const { p50Ms, p95Ms, p99Ms, ...rest } = summarize([counter.counts()], now);
  t.deepEqual(rest, {
    processes: 1,
    seconds: 30,
    count: 100,
    clientErrors: 1,
    errors: 1,
    tenants: [
      { schema: 'globex', requests: 1, errors: 1, meanMs: 1_000, databaseMs: 900 },
      { schema: 'acme', requests: 98, errors: 0, meanMs: 10, databaseMs: 392 },
    ],
  });
  const within = (found: number, exact: number) => found >= exact && found <= exact * 1.1 + 1;
  t.true(within(p50Ms, 10) && within(p95Ms, 10) && within(p99Ms, 1_000), `${p50Ms} ${p95Ms} ${p99Ms}`);
});

test('forgets requests after 15 minutes', (t) => {
  let now = 0;
  const counter = createRequestCounter(() => now);
  for (let minute = 0; minute < 60; minute += 1) {
    now = minute * 60_000;
    counter.add(line({}));
  }
  const found = summarize([counter.counts()], now);
  t.deepEqual([found.count, found.seconds], [15, 14 * 60]);
  now += 3_600_000;
  t.is(summarize([counter.counts()], now).count, 0);
});

test('adds the counts of several processes', (t) => {
  const [one, other] = [createRequestCounter(() => 0), createRequestCounter(() => 0)];
  one.add(line({}));
  other.add(line({ duration: 30 }));
  const found = summarize([one.counts(), other.counts()], 1_000);
  t.deepEqual(
    [found.processes, found.count, found.tenants],
    [2, 2, [{ schema: 'acme', requests: 2, errors: 0, meanMs: 20, databaseMs: 8 }]],
  );
});

test('bounds the tenants of a minute and of a report', (t) => {
  const counter = createRequestCounter(() => 0);
  for (let tenant = 0; tenant < 5_000; tenant += 1) {
    counter.add(line({ schema: `t${tenant}` }));
  }
  counter.add(line({ duration: 0 }));
  const { count, tenants, p99Ms } = summarize([counter.counts()], 0);
  t.deepEqual([count, tenants.length], [5_001, 50]);
  t.true(p99Ms >= 10);
});

test('has zeros before the first request', (t) => {
  const { count, p99Ms, tenants } = summarize([createRequestCounter(() => 0).counts()], 0);
  t.deepEqual([count, p99Ms, tenants], [0, 0, []]);
});
