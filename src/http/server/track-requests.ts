import type { Server, ServerResponse } from 'node:http';

export type TrackedRequests = Readonly<{
  /** Number of requests whose response is not completely sent. */
  requestsInProgress: () => number;
  /** Makes every response that has not begun send `Connection: close`. */
  drain: () => void;
  /** Resolves when no request is in progress. */
  settled: () => Promise<void>;
}>;

/**
 * Counts the requests of a server. Call it before adding the handler, so that immediate responses
 * are counted too.
 */
export function trackRequests(server: Server): TrackedRequests {
  const open = new Set<ServerResponse>();
  let draining = false;
  const waiters: Array<() => void> = [];

  // Set on the response itself: Koa removes headers when it responds to an error.
  const endConnectionOf = (response: ServerResponse): void => {
    response.shouldKeepAlive = false;
  };

  server.on('request', (_request, response) => {
    open.add(response);
    if (draining) {
      endConnectionOf(response);
    }
    response.once('close', () => {
      open.delete(response);
      if (open.size === 0) {
        for (const resolve of waiters.splice(0)) {
          resolve();
        }
      }
    });
  });

  return {
    requestsInProgress: () => open.size,
    drain: () => {
      draining = true;
      for (const response of open) {
        endConnectionOf(response);
      }
    },
    settled: async () => {
      if (open.size > 0) {
        await new Promise<void>((resolve) => {
          waiters.push(resolve);
        });
      }
    },
  };
}
