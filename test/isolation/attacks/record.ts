import type { Carrier } from '../../../src/tenancy/install.ts';
import type { Stage } from '../stage.ts';
import type { Wall } from '../wall.ts';

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

/** One attempt of the tenant acme on the tenant globex. */
export type Attack = Readonly<{
  id: string;
  /** A sentence: what is not possible. */
  name: string;
  controls: Controls;
  /** The one that must stop it; each of the others would stop it alone. */
  walls: readonly [Wall, ...Wall[]];
  leak: Leak;
  /** Tries, and answers everything that the attacker was told. */
  action: (stage: Stage) => Promise<unknown>;
  /** Set where it makes sense on one carrier only. */
  carrier?: Carrier;
  /** The neighbour itself writes in between: its rows are no sign. */
  victimWrites?: true;
}>;

export type Family = Readonly<{ title: string; attacks: readonly Attack[] }>;

type Texts = string | readonly string[] | ((stage: Stage) => string | readonly string[]);

/** An attack that consists of SQL texts in a transaction of acme. */
export function sqlAttack(
  facts: Omit<Attack, 'action' | 'leak'> & Readonly<{ leak?: Leak; texts: Texts }>,
): Attack {
  const { texts, leak = 'row', ...rest } = facts;
  return {
    ...rest,
    leak,
    action: (stage) => stage.send([typeof texts === 'function' ? texts(stage) : texts].flat()),
  };
}
