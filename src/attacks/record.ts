import type { ContextMode } from '../tenancy/install/install.ts';
import type { AttackContext, Guess } from './context.ts';
import type { Channel } from './send-as-acme.ts';
import type { Wall } from './walls.ts';

/** What is in the attacker's hands. */
export type Controls =
  | 'an HTTP request'
  | 'one SQL expression'
  | 'one statement'
  | 'several statements'
  | 'a session left behind'
  | 'a stale cache'
  | 'a wrong configuration';

/**
 * How a leak is seen: a canary row of the neighbour in what the attacker was
 * told; a change of the neighbour's; or a bit, the answers to a right and to a
 * wrong guess at a row of the neighbour being different.
 */
export type Leak = 'row' | 'change' | 'bit';

/** What an attack that needs a database and nothing else has to do with. */
export type AttackFixture = Readonly<{
  world: AttackContext;
  replacements: Readonly<{ channel: Channel }>;
  guess: Guess;
  /** Statements in a transaction of acme; answers everything that was told. */
  send: (statements: readonly string[]) => Promise<unknown>;
}>;

/** One attempt of the tenant acme on the tenant globex. */
export type Attack<Fixture = AttackFixture> = Readonly<{
  id: string;
  /** A sentence: what is not possible. */
  name: string;
  controls: Controls;
  /** The one that must stop it; each of the others would stop it alone. */
  walls: readonly [Wall, ...Wall[]];
  leak: Leak;
  /** Tries, and answers everything that the attacker was told. */
  action: (fixture: Fixture) => Promise<unknown>;
  /** Set where it makes sense in one context mode only. */
  contextMode?: ContextMode;
  /** The first `server_version_num` that has what the attack uses. */
  since?: number;
  /** The neighbour itself writes in between: its rows are no sign. */
  victimWrites?: true;
}>;

export type Category<Fixture = AttackFixture> = Readonly<{
  title: string;
  attacks: ReadonlyArray<Attack<Fixture>>;
}>;

type Texts = string | readonly string[] | ((fixture: AttackFixture) => string | readonly string[]);

/** An attack that consists of SQL texts in a transaction of acme. */
export function sqlAttack(
  facts: Omit<Attack, 'action' | 'leak'> & Readonly<{ leak?: Leak; texts: Texts }>,
): Attack {
  const { texts, leak = 'row', ...rest } = facts;
  return {
    ...rest,
    leak,
    action: (fixture) => fixture.send([typeof texts === 'function' ? texts(fixture) : texts].flat()),
  };
}

/** Whether wall 0 must stop it and another wall would: then it is tried past the driver, too. */
export const goesPast = ({ walls }: Pick<Attack, 'walls'>): boolean =>
  walls[0] === 'statement' && walls.length > 1;
