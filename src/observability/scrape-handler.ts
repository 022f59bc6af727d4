import type { RequestListener } from 'node:http';
import type { Registry } from 'prom-client';

/** Answers `GET /metrics` with all that is counted, after `refresh` has brought it up to date. Nothing else is here. */
export function createScrapeHandler(registry: Registry, refresh: () => Promise<void>): RequestListener {
  const scrape = async (): Promise<string> => {
    await refresh();
    return registry.metrics();
  };
  return (request, response) => {
    if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end('Metrics are at /metrics.\n');
      return;
    }
    scrape().then(
      (text) => response.writeHead(200, { 'Content-Type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  };
}
