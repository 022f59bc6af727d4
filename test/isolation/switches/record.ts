import type { Wall } from '../../../src/attacks/walls.ts';
import type { ContextMode } from '../../../src/tenancy/install/install.ts';
import type { World } from '../../helpers/world.ts';
import type { Replacements } from '../fixture.ts';
import type { Undo } from '../walls.ts';

/** One way to take one wall down. */
export type Switch = Readonly<{
  id: string;
  /** What is done to the wall. */
  name: string;
  wall: Wall;
  contextMode?: ContextMode;
  /** In the database. */
  down?: (world: World) => Promise<Undo>;
  /** In Node: what is put in place of a dependency. */
  replacements?: Partial<Replacements> | ((world: World) => Partial<Replacements>);
}>;
