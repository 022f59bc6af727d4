import type { Wall } from '../../../src/attacks/walls.ts';
import { entrySwitches } from './entry.ts';
import { inNode } from './in-node.ts';
import { operationSwitches } from './operations.ts';
import type { Switch } from './record.ts';
import { rights } from './rights.ts';
import { rows } from './rows.ts';

/** Every switch. The first one of each wall disables the whole wall. */
export const switches: readonly Switch[] = [
  ...rows,
  ...rights,
  ...entrySwitches,
  ...operationSwitches,
  ...inNode,
];

/** Returns the switch that disables a whole wall. The others disable a part of it. */
export const wholeOf = (wall: Wall): Switch | undefined => switches.find((one) => one.wall === wall);
