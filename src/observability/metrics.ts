import cluster from 'node:cluster';
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';

import { watchDatabases } from './database-metrics.ts';
import { LIMIT_NAMES, type Observer } from './observer.ts';
import { createRequestMetrics } from './request-metrics.ts';
import { serveScrapes } from './serve-scrapes.ts';

/**
 * Creates the Prometheus metrics and serves them on METRICS_PORT. The port differs from the
 * service's, so that no host of a tenant leads to it. In a cluster the primary process has the
 * port and queries the workers: src/observability/gather-metrics.ts.
 *
 * @throws OperatorError `precondition_failed` when another program uses the port
 */
export async function openMetrics({
  port,
  host,
  topTenants,
  dueWork,
}: {
  port: number;
  host: string;
  topTenants: number;
  dueWork: readonly string[];
}): Promise<Observer> {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const request = createRequestMetrics(registry, { topTenants });
  const lookUps = new Counter({
    name: 'koa_tenants_directory_lookups_total',
    help: 'Host lookups by result: cached, found, or not found.',
    labelNames: ['result'],
    registers,
  });
  const limits = new Counter({
    name: 'koa_tenants_limits_hit_total',
    help: 'Requests rejected by a limit of their tenant, by limit.',
    labelNames: ['limit'],
    registers,
  });
  for (const limit of LIMIT_NAMES) {
    // Starts at 0, so that Prometheus sees the first increment.
    limits.inc({ limit }, 0);
  }
  const bugs = new Counter({
    name: 'koa_tenants_bugs_total',
    help: 'Unexpected errors. Each is logged.',
    registers,
  });
  const workFailures = new Counter({
    name: 'koa_tenants_work_failures_total',
    help: 'Failed due work of tenants, by kind, for example mail. It is retried.',
    labelNames: ['kind'],
    registers,
  });
  for (const kind of dueWork) {
    workFailures.inc({ kind }, 0);
  }
  const following = new Gauge({
    name: 'koa_tenants_invalidation_listener_connected',
    help: '1 while notifications of tenant changes arrive; 0 while the directory relies on its TTL.',
    registers,
    aggregator: 'min',
  });

  const server = cluster.isWorker ? null : await serveScrapes(() => registry.metrics(), { port, host });
  if (cluster.isWorker) {
    AggregatorRegistry.setRegistries(registry);
    // The constructor makes this worker respond to the primary process.
    new AggregatorRegistry();
  }
  return {
    request,
    lookUp: (result) => lookUps.inc({ result }),
    limitHit: (limit) => limits.inc({ limit }),
    bug: () => bugs.inc(),
    workFailed: (kind) => workFailures.inc({ kind }),
    following: (is) => following.set(is ? 1 : 0),
    watch: (databases) => watchDatabases(registry, databases),
    port: server?.port ?? null,
    close: async () => server?.close(0),
  };
}
