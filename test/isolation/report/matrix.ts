import type { Attack } from '../../../src/attacks/record.ts';
import type { Wall } from '../../../src/attacks/walls.ts';
import type { SwitchResult } from '../evaluate-walls.ts';
import { switches } from '../switches/index.ts';

/**
 * What was measured of one attack and one wall.
 *
 * `alone`: with every other wall down this one held, and with it down too the
 * attack got through. `held`: nothing got through, not even with all of them down,
 * so that it is not shown which of them it was. `through`: it got through while
 * this wall stood. `untried`: no run took it down for this attack.
 */
export type Cell = 'alone' | 'held' | 'through' | 'untried';

const ofWall = (results: readonly SwitchResult[], wall: Wall): readonly SwitchResult[] => {
  const ids = new Set(switches.filter((one) => one.wall === wall).map(({ id }) => id));
  return results.filter(({ id }) => ids.has(id));
};

/** One attack and one wall that it names, over all runs: the worst that was seen counts. */
export function cellOf(
  { id }: Pick<Attack<never>, 'id'>,
  wall: Wall,
  results: readonly SwitchResult[],
): Cell {
  const tried = ofWall(results, wall).filter(({ evaluated }) => evaluated.includes(id));
  if (tried.some(({ through }) => through.includes(id))) {
    return 'through';
  }
  if (tried.some(({ noticed }) => noticed.includes(id))) {
    return 'alone';
  }
  return tried.length > 0 ? 'held' : 'untried';
}

/** The switches that let an attack through, the other walls that it names being down. */
export const openedBy = (
  { id }: Pick<Attack<never>, 'id'>,
  wall: Wall,
  results: readonly SwitchResult[],
): readonly string[] => [
  ...new Set(
    ofWall(results, wall)
      .filter(({ noticed }) => noticed.includes(id))
      .map((one) => one.id),
  ),
];
