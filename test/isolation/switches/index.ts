import type { Wall } from '../../../src/tenancy/attack/wall.ts';
import { inDatabase } from './in-database.ts';
import { inNode } from './in-node.ts';
import type { Switch } from './record.ts';

export const switches: readonly Switch[] = [...inDatabase, ...inNode];

/** The switch that takes the whole of a wall down; the others leave a part of it. */
export const wholeOf = (wall: Wall): Switch | undefined => switches.find((one) => one.wall === wall);
