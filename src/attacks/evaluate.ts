import { type AttackContext, CANARY, type Guess, RIGHT, WRONG } from './context.ts';
import { plant, watchRows } from './plant.ts';
import type { Attack } from './record.ts';
import { canaryIn } from './send-as-acme.ts';

/** Replaces values that differ between any two results: ids, times, and the query itself. */
const normal = (received: unknown, guesses: readonly string[]): string =>
  guesses
    .reduce((text, word) => text.replaceAll(word, '<asked>'), JSON.stringify(received) ?? '')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+\.\d+ ?ms|"date":"[^"]*"|line":"\d+"/g, '<any>');

/**
 * How to create what an attack needs. `Replacements` can be overridden there, and `Fixture` is passed
 * to the attack.
 */
export type Fixtures<Fixture, Replacements> = Readonly<{
  world: AttackContext;
  fixture: (replacements?: Replacements, guess?: Guess) => Fixture;
}>;

/** Runs an attack and returns what it got of globex, or null if it got nothing. Restores the changed rows. */
export async function evaluate<Fixture, Replacements>(
  fixtures: Fixtures<Fixture, Replacements>,
  attack: Attack<Fixture>,
  replacements?: Replacements,
): Promise<string | null> {
  const { world, fixture } = fixtures;
  const { result: received, changed } = await watchRows(world, () =>
    attack.action(fixture(replacements, RIGHT)),
  );
  const read = canaryIn(received);
  if (changed || read) {
    // Rows that were read may have been stored in acme.
    await plant(world);
  }
  if (read) {
    return read;
  }
  if (changed && !attack.victimWrites) {
    return 'changed a row of globex';
  }
  if (attack.leak !== 'bit') {
    return null;
  }
  const { result: wrongly, changed: changedByWrong } = await watchRows(world, () =>
    attack.action(fixture(replacements, WRONG)),
  );
  if (changedByWrong) {
    await plant(world);
    return 'changed a row of globex';
  }
  const guesses = [RIGHT, WRONG].flatMap(({ name, id }) => [name, String(id)]);
  return normal(received, guesses) === normal(wrongly, guesses)
    ? null
    : `the responses to a right and a wrong guess differ: ${normal(received, guesses).slice(0, 80)}`;
}

/**
 * Returns a finding of an attack that does not read the canary itself, in the form that `canaryIn`
 * detects.
 */
export const seen = (what: string): string => `${CANARY}: ${what}`;
