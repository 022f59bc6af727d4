import { type AttackContext, CANARY, type Guess, plant, RIGHT, rowsOfGlobex, WRONG } from './context.ts';
import type { Attack } from './record.ts';
import { canaryIn } from './send-as-acme.ts';

/** Values that differ between any two answers: ids, times, and what was asked itself. */
const normal = (told: unknown, asked: readonly string[]): string =>
  asked
    .reduce((text, word) => text.replaceAll(word, '<asked>'), JSON.stringify(told) ?? '')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+\.\d+ ?ms|"date":"[^"]*"|line":"\d+"/g, '<any>');

/** Where an attack takes place; `Replacements` is what may be replaced there, `Fixture` what the attack is handed. */
export type Fixtures<Fixture, Replacements> = Readonly<{
  world: AttackContext;
  fixture: (replacements?: Replacements, guess?: Guess) => Fixture;
}>;

/** What the attack got of globex, or null when it got nothing. Mends what it broke. */
export async function evaluate<Fixture, Replacements>(
  fixtures: Fixtures<Fixture, Replacements>,
  attack: Attack<Fixture>,
  replacements?: Replacements,
): Promise<string | null> {
  const before = await rowsOfGlobex(fixtures.world);
  const told = await attack.action(fixtures.fixture(replacements, RIGHT));
  const changed = before !== (await rowsOfGlobex(fixtures.world));
  const read = canaryIn(told);
  if (changed || read) {
    // What was read may stand in acme now.
    await plant(fixtures.world);
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
  const wrongly = await attack.action(fixtures.fixture(replacements, WRONG));
  if (before !== (await rowsOfGlobex(fixtures.world))) {
    await plant(fixtures.world);
    return 'changed a row of globex';
  }
  const asked = [RIGHT, WRONG].flatMap(({ name, id }) => [name, String(id)]);
  return normal(told, asked) === normal(wrongly, asked)
    ? null
    : `a right guess and a wrong one are answered differently: ${normal(told, asked).slice(0, 80)}`;
}

/** For an attack that sees something else than the canary itself: says it as `canaryIn` understands it. */
export const seen = (what: string): string => `${CANARY}: ${what}`;
