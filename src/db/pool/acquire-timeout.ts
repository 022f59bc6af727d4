import { Semaphore, withTimeout } from 'async-mutex';
import type { DatabasePool } from 'slonik';

import { Unavailable } from '../../errors.ts';

/** What takes a connection of the pool. */
const TAKES = [
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
 * Whoever waits longer than `patience` milliseconds for one of the `size`
 * connections of the pool is refused with `overloaded`: Slonik 49 lets them wait
 * without end, and each is a request that stands open.
 */
export function limitAcquireTime(
  pool: DatabasePool,
  { size, patience }: { size: number; patience: number },
): DatabasePool {
  const refusal = new Unavailable('overloaded', 'Too much is asked at once. Try again in a moment.', 1);
  const places = withTimeout(new Semaphore(size), patience, refusal);
  let waiting = 0;
  const stateOfPool = pool.state.bind(pool);
  // Who waits here is not known to the pool.
  const state: DatabasePool['state'] = () => {
    const known = stateOfPool();
    return { ...known, waitingClients: known.waitingClients + waiting };
  };
  const bounded = TAKES.map((name): [string, Take] => {
    const take = pool[name] as Take;
    const waitAndTake: Take = async (...args) => {
      let here = true;
      const leave = (): void => {
        waiting -= here ? 1 : 0;
        here = false;
      };
      waiting += 1;
      try {
        return await places.runExclusive(() => {
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
