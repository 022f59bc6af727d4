import { AggregatorRegistry } from 'prom-client';

import { serveScrapes } from './serve-scrapes.ts';

/**
 * Opens METRICS_PORT for the first process of several, which serves nobody
 * itself: each scrape asks all workers and adds up what they say.
 *
 * @throws DomainError `precondition_failed` when another program has the port
 */
export async function gatherMetrics({ port, host }: { port: number; host: string }): Promise<void> {
  const workers = new AggregatorRegistry();
  await serveScrapes(() => workers.clusterMetrics(), { port, host });
}
