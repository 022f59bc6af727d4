import type { RequestLine } from '../http/request-trace.ts';

/** Requests of the last minutes. Percentiles are the upper bounds of their histogram's buckets, at most 10 % too high. */
export type RecentRequests = Readonly<{
  /** Number of processes of the service that are counted. */
  processes: number;
  /** Length of the period that is counted, in seconds. */
  seconds: number;
  count: number;
  /** Responses with status 4xx. */
  clientErrors: number;
  /** Responses with status 5xx. */
  errors: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  /** Tenants with the most time of requests, the first one with the most. */
  tenants: readonly RecentRequestsOfTenant[];
}>;

export type RecentRequestsOfTenant = Readonly<{
  schema: string;
  requests: number;
  errors: number;
  meanMs: number;
  /** Milliseconds that its requests waited for PostgreSQL. */
  databaseMs: number;
}>;

type OfTenant = { requests: number; errors: number; ms: number; databaseMs: number };

/** The counts of one process. Counts of several processes can be added. */
export type RequestCounts = {
  since: number;
  count: number;
  clientErrors: number;
  errors: number;
  durations: number[];
  /** By schema, the busiest first. */
  tenants: ReadonlyArray<readonly [string, OfTenant]>;
};

/** Minutes that are counted. */
const MINUTES = 15;
const MINUTE_MS = 60_000;
/** Tenants with counts of their own in one minute. */
const MAX_TENANTS = 1_000;
/** Tenants that a process reports. */
const MAX_REPORTED = 50;
/** Each bucket of the histogram ends 10 % later than the one before: 120 buckets from 1 ms to 92 seconds. */
const GROWTH = Math.log(1.1);
const BUCKETS = 120;

const bucketOf = (ms: number): number =>
  Math.min(BUCKETS - 1, ms <= 1 ? 0 : Math.ceil(Math.log(ms) / GROWTH));

const emptyCounts = (since: number): RequestCounts => ({
  since,
  count: 0,
  clientErrors: 0,
  errors: 0,
  durations: new Array<number>(BUCKETS).fill(0),
  tenants: [],
});

type Minute = Omit<RequestCounts, 'tenants' | 'since'> & { minute: number; tenants: Map<string, OfTenant> };

/** Adds up the counts of several minutes, or of several processes. */
function addCounts(
  all: ReadonlyArray<
    Omit<RequestCounts, 'tenants'> & { tenants: Iterable<readonly [string, Readonly<OfTenant>]> }
  >,
  now: number,
): RequestCounts {
  const sum = emptyCounts(now);
  const tenants = new Map<string, OfTenant>();
  for (const one of all) {
    sum.since = Math.min(sum.since, one.since);
    sum.count += one.count;
    sum.clientErrors += one.clientErrors;
    sum.errors += one.errors;
    for (const [index, count] of one.durations.entries()) {
      sum.durations[index] = (sum.durations[index] ?? 0) + count;
    }
    for (const [schema, found] of one.tenants) {
      const known = tenants.get(schema);
      if (known) {
        known.requests += found.requests;
        known.errors += found.errors;
        known.ms += found.ms;
        known.databaseMs += found.databaseMs;
      } else {
        tenants.set(schema, { ...found });
      }
    }
  }
  const busiest = [...tenants].sort(([, a], [, b]) => b.ms - a.ms).slice(0, MAX_REPORTED);
  return { ...sum, tenants: busiest };
}

/** Returns the duration that a share of the requests did not exceed, in milliseconds. */
function percentile({ count, durations }: RequestCounts, share: number): number {
  let rest = Math.ceil(count * share);
  for (const [index, of] of durations.entries()) {
    rest -= of;
    if (rest <= 0) {
      return count === 0 ? 0 : Math.round(Math.exp(index * GROWTH));
    }
  }
  return 0;
}

/** Returns what an operator sees of the counts of all processes. */
export function summarize(processes: readonly RequestCounts[], now: number): RecentRequests {
  const sum = addCounts(processes, now);
  return {
    processes: processes.length,
    seconds: Math.round((now - sum.since) / 1_000),
    count: sum.count,
    clientErrors: sum.clientErrors,
    errors: sum.errors,
    p50Ms: percentile(sum, 0.5),
    p95Ms: percentile(sum, 0.95),
    p99Ms: percentile(sum, 0.99),
    tenants: sum.tenants.map(([schema, { requests, errors, ms, databaseMs }]) => ({
      schema,
      requests,
      errors,
      meanMs: Math.round(ms / Math.max(1, requests)),
      databaseMs: Math.round(databaseMs),
    })),
  };
}

export type RequestCounter = Readonly<{
  add: (line: RequestLine) => void;
  counts: () => RequestCounts;
}>;

/**
 * Counts the requests of the last 15 minutes in memory, for operators. It needs no metrics server. Memory is bounded:
 * one histogram and at most 1,000 tenants for each minute.
 */
export function createRequestCounter(now: () => number = Date.now): RequestCounter {
  const minutes: Minute[] = [];
  const startedAt = now();

  const current = (): Minute => {
    const minute = Math.floor(now() / MINUTE_MS);
    const last = minutes.at(-1);
    if (last && last.minute >= minute) {
      return last;
    }
    const { since: _since, ...empty } = emptyCounts(0);
    const started: Minute = { ...empty, minute, tenants: new Map() };
    minutes.push(started);
    return started;
  };

  const dropOld = (): void => {
    const oldest = Math.floor(now() / MINUTE_MS) - MINUTES;
    while (minutes[0] && minutes[0].minute <= oldest) {
      minutes.shift();
    }
  };

  return {
    add: ({ status, duration, schema, databaseTime }) => {
      const minute = current();
      dropOld();
      minute.count += 1;
      minute.clientErrors += status >= 400 && status < 500 ? 1 : 0;
      minute.errors += status >= 500 ? 1 : 0;
      const bucket = bucketOf(duration);
      minute.durations[bucket] = (minute.durations[bucket] ?? 0) + 1;
      if (schema === null) {
        return;
      }
      let tenant = minute.tenants.get(schema);
      if (!tenant) {
        if (minute.tenants.size >= MAX_TENANTS) {
          return;
        }
        tenant = { requests: 0, errors: 0, ms: 0, databaseMs: 0 };
        minute.tenants.set(schema, tenant);
      }
      tenant.requests += 1;
      tenant.errors += status >= 500 ? 1 : 0;
      tenant.ms += duration;
      tenant.databaseMs += databaseTime;
    },
    counts: () => {
      dropOld();
      const since = Math.max(startedAt, (Math.floor(now() / MINUTE_MS) - MINUTES + 1) * MINUTE_MS);
      return {
        ...addCounts(
          minutes.map((minute) => ({ ...minute, since })),
          now(),
        ),
        since,
      };
    },
  };
}
