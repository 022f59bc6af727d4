import type { Wall } from '../../../src/attacks/walls.ts';
import { entrySwitches } from './entry.ts';
import { inNode } from './in-node.ts';
import type { Switch } from './record.ts';
import { rights } from './rights.ts';
import { rows } from './rows.ts';

/** In the database as a careless hand would write it, in SQL; of each wall, the first is the whole of it. */
export const switches: readonly Switch[] = [...rows, ...rights, ...entrySwitches, ...inNode];

/** The switch that takes the whole of a wall down; the others leave a part of it. */
export const wholeOf = (wall: Wall): Switch | undefined => switches.find((one) => one.wall === wall);
