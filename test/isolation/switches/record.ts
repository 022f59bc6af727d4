import type { Wall } from '../../../src/attacks/walls.ts';
import type { ContextMode } from '../../../src/tenancy/install/shared-files.ts';
import type { World } from '../../helpers/world.ts';
import type { Replacements } from '../fixture.ts';
import type { Undo } from '../walls.ts';

/** One way to disable one wall. */
export type Switch = Readonly<{
  id: string;
  /** The change, as a sentence. */
  name: string;
  wall: Wall;
  contextMode?: ContextMode;
  /** The change in the database. */
  disable?: (world: World) => Promise<Undo>;
  /** The replaced dependencies in Node. */
  replacements?: Partial<Replacements> | ((world: World) => Partial<Replacements>);
}>;
