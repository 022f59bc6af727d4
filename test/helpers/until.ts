import { setTimeout as wait } from 'node:timers/promises';

/** Repeats a query until `isRight` or for `bound` milliseconds, and returns the last result. */
export async function until<T>(
  look: () => Promise<T>,
  isRight: (found: T) => boolean,
  bound = 60_000,
): Promise<T> {
  const end = performance.now() + bound;
  for (;;) {
    const found = await look();
    if (isRight(found) || performance.now() > end) {
      return found;
    }
    await wait(50);
  }
}
