import { AggregatorRegistry } from 'prom-client';

import { serveScrapes } from './serve-scrapes.ts';

/**
 * Serves METRICS_PORT from the primary process of a cluster, which serves no requests itself: each
 * scrape reads the metrics of all workers and adds them up.
 *
 * @throws OperatorError `precondition_failed` when another program uses the port
 */
export async function gatherMetrics({ port, host }: { port: number; host: string }): Promise<void> {
  const workers = new AggregatorRegistry();
  await serveScrapes(() => workers.clusterMetrics(), { port, host });
}
