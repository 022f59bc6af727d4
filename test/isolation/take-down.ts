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
  mayStart: replacements.findLast(({ mayStart }) => mayStart)?.mayStart ?? UNCHANGED.mayStart,
});

/** Disables walls: in the database directly, in Node by the returned replacements. */
export async function takeDown(
  world: World,
  switches: readonly Switch[],
): Promise<Readonly<{ replacements: Replacements; buildUp: Undo }>> {
  const undo: Undo[] = [];
  const buildUp = async (): Promise<void> => {
    for (const build of undo.splice(0).reverse()) {
      await build();
    }
  };
  try {
    for (const { down } of switches) {
      if (down) {
        undo.push(await down(world));
      }
    }
  } catch (error) {
    await buildUp();
    throw error;
  }
  const replacements = switches.map(({ replacements }) =>
    typeof replacements === 'function' ? replacements(world) : (replacements ?? {}),
  );
  return { replacements: together(replacements), buildUp };
}
