export type IdleTimeout = Readonly<{
  /** Starts the timer: the connection is ended after `timeout` milliseconds unless `rest` is called. */
  watch: (timeout: number) => void;
  /** Stops the timer. */
  rest: () => void;
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
  const rest = (): void => clearTimeout(timer);
  return {
    watch: (timeout) => {
      rest();
      timer = setTimeout(end, timeout + AFTER_POSTGRES);
    },
    rest,
  };
}
