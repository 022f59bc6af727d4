export type IdleTimeout = Readonly<{
  /** Starts the timer: the connection is ended after `timeout` milliseconds unless `stop` is called. */
  start: (timeout: number) => void;
  /** Stops the timer. */
  stop: () => void;
}>;

/** Milliseconds within which PostgreSQL should end an idle transaction itself. */
const AFTER_POSTGRES = 1_000;

/**
 * Creates a timer that ends a connection whose transaction waits too long for its work, because it
 * holds locks and a connection of its pool shard. PostgreSQL does this first, unless the session has
 * raised its own timeout. A session cannot change this one.
 */
export function createIdleTimeout(end: () => void): IdleTimeout {
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => clearTimeout(timer);
  return {
    start: (timeout) => {
      stop();
      timer = setTimeout(end, timeout + AFTER_POSTGRES);
    },
    stop,
  };
}
