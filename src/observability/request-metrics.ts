import { Counter, Histogram, type Registry } from 'prom-client';

import type { RequestLine } from '../http/request-trace.ts';
import { createTopTenants, OTHER } from './top-tenants.ts';

/** Other methods are counted together: a client may send any of the thirty that Node's parser accepts. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const NONE = '(none)';
const CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'];

/**
 * A counter that sums its increments until the metrics are collected: prom-client sorts and joins the
 * labels of each increment.
 */
class SummedCounter {
  readonly #sums = new Map<string, { values: readonly string[]; sum: number }>();
  readonly #counter: Counter;

  constructor(
    registry: Registry,
    { name, help, labelNames }: Readonly<{ name: string; help: string; labelNames: readonly string[] }>,
  ) {
    const sums = this.#sums;
    this.#counter = new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        for (const { values, sum } of sums.values()) {
          this.labels(...values).inc(sum);
        }
        sums.clear();
      },
    });
  }

  /** Increments the counter with these values of its labels. */
  add(amount: number, ...values: readonly string[]): void {
    const key = values.join('\n');
    const known = this.#sums.get(key);
    if (known) {
      known.sum += amount;
    } else {
      this.#sums.set(key, { values, sum: amount });
    }
  }

  remove(...values: readonly string[]): void {
    this.#sums.delete(values.join('\n'));
    this.#counter.remove(...values);
  }
}

/** Creates the counters of requests. Labels come from the code or the registry, never from a client. */
export function createRequestMetrics(
  registry: Registry,
  { topTenants }: { topTenants: number },
): (line: RequestLine) => void {
  const requests = new SummedCounter(registry, {
    name: 'koa_tenants_http_requests_total',
    help: 'Requests, by route, method and class of status.',
    labelNames: ['method', 'route', 'status'],
  });
  const durations = new Histogram({
    name: 'koa_tenants_http_request_duration_seconds',
    help: 'Time until the response was ready, by route and method.',
    labelNames: ['method', 'route'],
    buckets: BUCKETS,
    registers: [registry],
  });
  const queries = new SummedCounter(registry, {
    name: 'koa_tenants_database_queries_total',
    help: 'Statements of requests, by lane.',
    labelNames: ['lane'],
  });
  const databaseTime = new SummedCounter(registry, {
    name: 'koa_tenants_database_seconds_total',
    help: 'Time that requests waited for PostgreSQL, by lane.',
    labelNames: ['lane'],
  });
  const ofTenants = new SummedCounter(registry, {
    name: 'koa_tenants_tenant_requests_total',
    help: 'Requests of the busiest tenants, by schema and class of status. Other tenants are (other), requests without a tenant (none).',
    labelNames: ['tenant', 'status'],
  });
  const timeOfTenants = new SummedCounter(registry, {
    name: 'koa_tenants_tenant_database_seconds_total',
    help: 'Time that requests of the busiest tenants waited for PostgreSQL.',
    labelNames: ['tenant'],
  });
  const top = createTopTenants({
    maxTenants: topTenants,
    onLeave: (tenant) => {
      timeOfTenants.remove(tenant);
      for (const status of CLASSES) {
        ofTenants.remove(tenant, status);
      }
    },
  });
  // Present from the first scrape on, so that a rate has a start value.
  ofTenants.add(0, OTHER, '2xx');

  return (line) => {
    const method = METHODS.has(line.method) ? line.method : 'OTHER';
    const route = line.route ?? NONE;
    const status = `${Math.floor(line.status / 100)}xx`;
    requests.add(1, method, route, status);
    durations.observe({ method, route }, line.duration / 1000);
    if (line.lane) {
      queries.add(line.queries, line.lane);
      databaseTime.add(line.databaseTime / 1000, line.lane);
    }
    // A tenant that was never entered has no known schema: its host exists, but no request was accepted yet.
    const tenant = line.tenant === null ? NONE : line.schema ? top.labelOf(line.schema) : OTHER;
    ofTenants.add(1, tenant, status);
    timeOfTenants.add(line.databaseTime / 1000, tenant);
  };
}
