import type { World } from '../helpers/world.ts';
import { type Replacements, UNCHANGED } from './fixture.ts';
import type { Switch } from './switches/record.ts';
import type { Undo } from './walls.ts';

const together = (replacements: ReadonlyArray<Partial<Replacements>>): Replacements => ({
  channel: replacements.findLast(({ channel }) => channel)?.channel ?? UNCHANGED.channel,
  rewrite: (text) => replacements.reduce((sent, { rewrite }) => rewrite?.(sent) ?? sent, text),
  // The same object if nothing is replaced: it selects the service itself.
  app: replacements.some(({ app }) => app)
    ? Object.assign({}, ...replacements.map(({ app }) => app))
    : UNCHANGED.app,
  pool: Object.assign({}, ...replacements.map(({ pool }) => pool)),
  mayStart: replacements.findLast(({ mayStart }) => mayStart)?.mayStart ?? UNCHANGED.mayStart,
});

/** Disables walls: in the database directly, in Node by the returned replacements. */
export async function disableWalls(
  world: World,
  switches: readonly Switch[],
): Promise<Readonly<{ replacements: Replacements; restore: Undo }>> {
  const undo: Undo[] = [];
  const restore = async (): Promise<void> => {
    for (const restoreOne of undo.splice(0).reverse()) {
      await restoreOne();
    }
  };
  try {
    for (const { disable } of switches) {
      if (disable) {
        undo.push(await disable(world));
      }
    }
  } catch (error) {
    await restore();
    throw error;
  }
  const replacements = switches.map(({ replacements }) =>
    typeof replacements === 'function' ? replacements(world) : (replacements ?? {}),
  );
  return { replacements: together(replacements), restore };
}
