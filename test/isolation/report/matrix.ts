import type { Attack } from '../../../src/attacks/record.ts';
import type { Wall } from '../../../src/attacks/walls.ts';
import type { SwitchResult } from '../evaluate-walls.ts';
import { switches } from '../switches/index.ts';

/**
 * The result of one attack and one wall.
 *
 * `alone`: with all other walls disabled, this one stopped the attack, and without it the attack
 * succeeded. `held`: the attack failed even with all walls disabled, which does not show the wall that
 * stops it. `notStopped`: the attack succeeded while this wall was enabled. `untried`: no run disabled the
 * wall for this attack.
 */
export type Cell = 'alone' | 'held' | 'notStopped' | 'untried';

const ofWall = (results: readonly SwitchResult[], wall: Wall): readonly SwitchResult[] => {
  const ids = new Set(switches.filter((one) => one.wall === wall).map(({ id }) => id));
  return results.filter(({ id }) => ids.has(id));
};

/** Returns the worst result of one attack and one of its walls, over all runs. */
export function cellOf(
  { id }: Pick<Attack<never>, 'id'>,
  wall: Wall,
  results: readonly SwitchResult[],
): Cell {
  const tried = ofWall(results, wall).filter(({ evaluated }) => evaluated.includes(id));
  if (tried.some(({ notStopped }) => notStopped.includes(id))) {
    return 'notStopped';
  }
  if (tried.some(({ succeeded }) => succeeded.includes(id))) {
    return 'alone';
  }
  return tried.length > 0 ? 'held' : 'untried';
}

/** Returns the switches with which an attack succeeded while its other walls were disabled. */
export const openedBy = (
  { id }: Pick<Attack<never>, 'id'>,
  wall: Wall,
  results: readonly SwitchResult[],
): readonly string[] => [
  ...new Set(
    ofWall(results, wall)
      .filter(({ succeeded }) => succeeded.includes(id))
      .map((one) => one.id),
  ),
];
