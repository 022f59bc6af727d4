import type { Server, ServerResponse } from 'node:http';

/** A response that is not completely sent. */
export type OpenResponse = {
  readonly response: ServerResponse;
  /** When its client must have received it, as of `performance.now()`. Null until it is completely written. */
  deadline: number | null;
  /** Its place in the list. */
  index: number;
};

export type TrackedRequests = Readonly<{
  open: readonly OpenResponse[];
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
 *
 * The list is an array and no Set or Map: when those grow or drop deleted members, V8 makes a new table that the old
 * one refers to. Once the first table has become old, all that follow, with the responses in them, survive until a full
 * garbage collection.
 */
export function trackRequests(server: Server): TrackedRequests {
  const open: OpenResponse[] = [];
  let draining = false;
  const waiters: Array<() => void> = [];

  // Set on the response itself: Koa removes headers when it responds to an error.
  const endConnectionOf = (response: ServerResponse): void => {
    response.shouldKeepAlive = false;
  };

  /** The last one takes the place of the removed one. */
  const remove = ({ index }: OpenResponse): void => {
    const last = open.pop();
    if (last && last.index !== index) {
      last.index = index;
      open[index] = last;
    }
  };

  server.on('request', (_request, response) => {
    const opened: OpenResponse = { response, deadline: null, index: open.length };
    open.push(opened);
    if (draining) {
      endConnectionOf(response);
    }
    // Emitted once. `once` would cost more.
    response.on('close', () => {
      remove(opened);
      if (open.length === 0) {
        for (const resolve of waiters.splice(0)) {
          resolve();
        }
      }
    });
  });

  return {
    open,
    requestsInProgress: () => open.length,
    drain: () => {
      draining = true;
      for (const { response } of open) {
        endConnectionOf(response);
      }
    },
    settled: async () => {
      if (open.length > 0) {
        await new Promise<void>((resolve) => {
          waiters.push(resolve);
        });
      }
    },
  };
}
