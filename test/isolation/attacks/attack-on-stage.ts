import type { Attack as Any, Family as AnyFamily } from '../../../src/attacks/record.ts';
import type { Stage } from '../stage.ts';

/** An attack that may use everything that a stage has: HTTP, tokens, a lent connection. */
export type Attack = Any<Stage>;
export type Family = AnyFamily<Stage>;
