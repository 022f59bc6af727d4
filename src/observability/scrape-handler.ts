import type { RequestListener } from 'node:http';
import { prometheusContentType } from 'prom-client';

/** Answers `GET /metrics` with what `read` says. Nothing else is here. */
export function createScrapeHandler(read: () => Promise<string>): RequestListener {
  return (request, response) => {
    if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end('Metrics are at /metrics.\n');
      return;
    }
    read().then(
      (text) => response.writeHead(200, { 'Content-Type': prometheusContentType }).end(text),
      // A worker that does not answer: a gap in the graph, and no wrong number.
      () => response.writeHead(503, { 'Content-Type': 'text/plain' }).end('Not all processes answered.\n'),
    );
  };
}
