import type { Server, ServerResponse } from 'node:http';

/** A response that is not completely sent. */
export type OpenResponse = {
  readonly response: ServerResponse;
  /** When its client must have received it, as of `performance.now()`. Null until it is completely written. */
  deadline: number | null;
  /** Its index in `open`. */
  index: number;
};

export type TrackedRequests = Readonly<{
  /** The responses that are not completely sent, in no order. */
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
 * `open` is an array, not a Set or Map. When one of those grows or drops deleted members, V8 makes a new table, to which
 * the old one refers. A table in V8's old space therefore keeps all later tables, with the responses in them, until a
 * full garbage collection.
 */
export function trackRequests(server: Server): TrackedRequests {
  const open: OpenResponse[] = [];
  let draining = false;
  const waiters: Array<() => void> = [];

  // Set on the response itself: Koa removes headers when it responds to an error.
  const endConnectionOf = (response: ServerResponse): void => {
    response.shouldKeepAlive = false;
  };

  /** Moves the last response to the index of the removed one, which is cheaper than `splice`. */
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
    // `close` is emitted once, and `on` is cheaper than `once`.
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
