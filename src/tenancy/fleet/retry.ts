import { setTimeout as wait } from 'node:timers/promises';

import { isTransient } from '../migrations/migration-failed.ts';

/**
 * Milliseconds before the next attempt after `failed` ones: exponential, with jitter so that two
 * colliding runs do not collide again.
 */
const pause = (failed: number): number => Math.min(5_000, 100 * 2 ** failed) * (0.5 + Math.random() / 2);

/**
 * Repeats work that failed because of another session's lock, `attempts` times in all. Throws the last
 * error.
 */
export async function retryLocks<T>(attempts: number, work: () => Promise<T>): Promise<T> {
  for (let failed = 1; ; failed += 1) {
    try {
      return await work();
    } catch (error) {
      if (failed >= attempts || !isTransient(error)) {
        throw error;
      }
      await wait(pause(failed));
    }
  }
}
