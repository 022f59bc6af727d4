import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';

import { listen } from '../http/listen.ts';
import { type Observed, watchDatabases } from './database-metrics.ts';
import type { Observer } from './observer.ts';
import { createRequestMetrics } from './request-metrics.ts';
import { createScrapeHandler } from './scrape-handler.ts';

/** Milliseconds, and connections, of who reads the counts. */
const SCRAPERS = { requestTimeout: 10_000, keepAliveTimeout: 5_000, maxConnections: 50 };

/**
 * Counts for Prometheus, and the port where they are read: another one than the
 * service's, so that no host of a tenant leads to it.
 *
 * @throws DomainError `precondition_failed` when another program has the port
 */
export async function openMetrics({
  port,
  host,
  topTenants,
}: {
  port: number;
  host: string;
  topTenants: number;
}): Promise<Observer> {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const request = createRequestMetrics(registry, { topTenants });
  const lookUps = new Counter({
    name: 'koa_tenants_directory_lookups_total',
    help: 'Hosts looked up: remembered, asked for, or asked for and leading nowhere.',
    labelNames: ['result'],
    registers,
  });
  const limits = new Counter({
    name: 'koa_tenants_limits_hit_total',
    help: 'Requests that a limit of their tenant turned away, by limit.',
    labelNames: ['limit'],
    registers,
  });
  const bugs = new Counter({
    name: 'koa_tenants_bugs_total',
    help: 'Errors that nobody expected: each is a line in the log.',
    registers,
  });
  const mailFailures = new Counter({
    name: 'koa_tenants_mail_failures_total',
    help: 'Mails that could not be sent, and outboxes that could not be read. They are tried again.',
    registers,
  });
  const following = new Gauge({
    name: 'koa_tenants_announcements_connected',
    help: '1 while changes of tenants are heard at once; 0 while the directory relies on its TTL.',
    registers,
  });

  let refresh = async (): Promise<void> => {};
  const scrape = createScrapeHandler(registry, () => refresh());
  const server = await listen(scrape, { port, host, limits: SCRAPERS, variable: 'METRICS_PORT' });
  return {
    request,
    lookUp: (result) => lookUps.inc({ result }),
    limitHit: (limit) => limits.inc({ limit }),
    bug: () => bugs.inc(),
    mailFailed: () => mailFailures.inc(),
    following: (is) => following.set(is ? 1 : 0),
    watch: (databases: readonly Observed[]) => {
      refresh = watchDatabases(registry, databases);
    },
    port: server.port,
    close: () => server.close(0),
  };
}
