export type IdleTimeout = Readonly<{
  /** Counts from now on: whoever has not come back after `timeout` milliseconds is given up. */
  watch: (timeout: number) => void;
  /** Somebody is back, or it is over. */
  rest: () => void;
}>;

/** Milliseconds that PostgreSQL is given to end an idle transaction itself. */
const AFTER_POSTGRES = 1_000;

/**
 * Ends a connection whose transaction waits too long for its work: it holds its
 * locks meanwhile, and a place in its lane. PostgreSQL does so first, unless the
 * session has raised its own timeout; it cannot raise this one.
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
