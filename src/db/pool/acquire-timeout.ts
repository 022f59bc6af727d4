import { Semaphore, withTimeout } from 'async-mutex';
import type { DatabasePool } from 'slonik';

import { Unavailable } from '../../errors.ts';

/** Methods that take a connection of the pool. */
const METHODS = [
  'any',
  'anyFirst',
  'connect',
  'exists',
  'many',
  'manyFirst',
  'maybeOne',
  'maybeOneFirst',
  'one',
  'oneFirst',
  'query',
  'record',
  'transaction',
] as const satisfies ReadonlyArray<keyof DatabasePool>;

type Take = (...args: unknown[]) => Promise<unknown>;

/**
 * Rejects with `overloaded` when none of the pool's `size` connections is free after `timeoutMs`
 * milliseconds. Slonik 49 waits without a limit, and each waiting request holds a socket.
 */
export function limitAcquireTime(
  pool: DatabasePool,
  { size, timeoutMs }: { size: number; timeoutMs: number },
): DatabasePool {
  const refusal = new Unavailable('overloaded', 'The service is overloaded. Try again shortly.', 1);
  const connections = withTimeout(new Semaphore(size), timeoutMs, refusal);
  let waiting = 0;
  const stateOfPool = pool.state.bind(pool);
  // The pool does not count the requests that wait here.
  const state: DatabasePool['state'] = () => {
    const known = stateOfPool();
    return { ...known, waitingClients: known.waitingClients + waiting };
  };
  const bounded = METHODS.map((name): [string, Take] => {
    const take = pool[name] as Take;
    const waitAndTake: Take = async (...args) => {
      let counted = true;
      const leave = (): void => {
        waiting -= counted ? 1 : 0;
        counted = false;
      };
      waiting += 1;
      try {
        return await connections.runExclusive(() => {
          leave();
          return take(...args);
        });
      } finally {
        leave();
      }
    };
    return [name, waitAndTake];
  });
  return Object.assign(pool, Object.fromEntries(bounded), { state });
}
