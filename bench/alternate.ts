import { median, timed } from './bench.ts';

/**
 * Runs a block of each side in turn, and returns the median milliseconds of the sides' blocks. The
 * first block of each side is a warm-up.
 */
export async function alternate(
  blocks: number,
  ...sides: ReadonlyArray<() => Promise<unknown>>
): Promise<readonly number[]> {
  const times: number[][] = sides.map(() => []);
  for (let block = 0; block <= blocks; block += 1) {
    for (const [index, side] of sides.entries()) {
      const time = await timed(side);
      if (block > 0) {
        times[index]?.push(time);
      }
    }
  }
  return times.map(median);
}
