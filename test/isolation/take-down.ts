import type { World } from '../helpers/world.ts';
import { type Rig, SOUND } from './stage.ts';
import type { Switch } from './switches/record.ts';
import type { Undo } from './walls.ts';

const together = (rigs: ReadonlyArray<Partial<Rig>>): Rig => ({
  channel: rigs.findLast(({ channel }) => channel)?.channel ?? SOUND.channel,
  rewrite: (text) => rigs.reduce((sent, { rewrite }) => rewrite?.(sent) ?? sent, text),
  // The very object where nothing is replaced: it stands for the service itself.
  app: rigs.some(({ app }) => app) ? Object.assign({}, ...rigs.map(({ app }) => app)) : SOUND.app,
  mayStart: rigs.findLast(({ mayStart }) => mayStart)?.mayStart ?? SOUND.mayStart,
});

/** Takes walls down, in the database at once and in Node by the rig that is answered. */
export async function takeDown(
  world: World,
  switches: readonly Switch[],
): Promise<Readonly<{ rig: Rig; buildUp: Undo }>> {
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
  const rigs = switches.map(({ rig }) => (typeof rig === 'function' ? rig(world) : (rig ?? {})));
  return { rig: together(rigs), buildUp };
}
