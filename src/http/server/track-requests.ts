import type { Server, ServerResponse } from 'node:http';

export type TrackedRequests = Readonly<{
  /** Requests whose answer has not left whole. */
  underWay: () => number;
  /** From now on every answer that has not begun says `Connection: close`. */
  drain: () => void;
  /** Resolves when no request is under way. */
  settled: () => Promise<void>;
}>;

/** Counts the requests of a server. Comes before its handler: what that answers at once is counted, too. */
export function trackRequests(server: Server): TrackedRequests {
  const open = new Set<ServerResponse>();
  let draining = false;
  const nobody: Array<() => void> = [];

  // Not a header: Koa takes those away when it answers an error.
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
        for (const tell of nobody.splice(0)) {
          tell();
        }
      }
    });
  });

  return {
    underWay: () => open.size,
    drain: () => {
      draining = true;
      for (const response of open) {
        endConnectionOf(response);
      }
    },
    settled: async () => {
      if (open.size > 0) {
        await new Promise<void>((tell) => {
          nobody.push(tell);
        });
      }
    },
  };
}
