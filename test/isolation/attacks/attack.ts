import type { Attack as Any, Category as AnyCategory } from '../../../src/attacks/record.ts';
import type { Fixture } from '../fixture.ts';

/** An attack with a fixture: HTTP, tokens, and a connection that tenants share. */
export type Attack = Any<Fixture>;
export type Category = AnyCategory<Fixture>;
