import { setTimeout as wait } from 'node:timers/promises';

import { isPassing } from '../migrations/migration-failed.ts';

/** Milliseconds before the attempt after `failed` ones: longer each time, and never the same for two that collided. */
const pause = (failed: number): number => Math.min(5_000, 100 * 2 ** failed) * (0.5 + Math.random() / 2);

/** Repeats work that a lock of somebody else stopped, `attempts` times in all. The last error is thrown. */
export async function retryLocks<T>(attempts: number, work: () => Promise<T>): Promise<T> {
  for (let failed = 1; ; failed += 1) {
    try {
      return await work();
    } catch (error) {
      if (failed >= attempts || !isPassing(error)) {
        throw error;
      }
      await wait(pause(failed));
    }
  }
}
