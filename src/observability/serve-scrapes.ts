import type { RequestListener } from 'node:http';
import { prometheusContentType } from 'prom-client';

import { type Listening, listen } from '../http/server/listen.ts';

/** Timeouts in milliseconds, and limits of connections, for scrapers. */
const LIMITS = {
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  maxConnections: 50,
  maxConnectionsPerAddress: 50,
};

const handlerOf =
  (read: () => Promise<string>): RequestListener =>
  (request, response) => {
    if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end('Metrics are at /metrics.\n');
      return;
    }
    read().then(
      (text) => response.writeHead(200, { 'Content-Type': prometheusContentType }).end(text),
      // When a worker does not respond, a gap in the graph is better than a wrong number.
      () => response.writeHead(503, { 'Content-Type': 'text/plain' }).end('Not all processes responded.\n'),
    );
  };

/**
 * Serves `GET /metrics` on METRICS_PORT with the text that `read` returns. Other paths do not
 * exist.
 *
 * @throws OperatorError `precondition_failed` when another program uses the port
 */
export const serveScrapes = (
  read: () => Promise<string>,
  { port, host }: { port: number; host: string },
): Promise<Listening> => listen(handlerOf(read), { port, host, limits: LIMITS, variable: 'METRICS_PORT' });
