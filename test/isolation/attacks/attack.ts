import type { Attack as Any, Category as AnyCategory } from '../../../src/attacks/record.ts';
import type { Fixture } from '../fixture.ts';

/** An attack that may use everything that a fixture has: HTTP, tokens, a lent connection. */
export type Attack = Any<Fixture>;
export type Category = AnyCategory<Fixture>;
