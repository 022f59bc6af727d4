import { distance } from 'fastest-levenshtein';

/** Shorter names resemble each other by chance. */
const LONG = 10;

/**
 * Names in an environment that look like a setting and are none: misspelt, or of
 * a system that this one follows. A sentence each. All other names are somebody
 * else's business.
 */
export function findStrangers(
  given: readonly string[],
  {
    known,
    settings,
    unknown,
  }: { known: readonly string[]; settings: readonly string[]; unknown: readonly string[] },
): readonly string[] {
  const names = new Set(known);
  return given.flatMap((name) => {
    if (names.has(name)) {
      return [];
    }
    if (unknown.includes(name)) {
      return [`${name} is not a setting here: docs/accounts.md says what stands in its place`];
    }
    const meant = name.length < LONG ? undefined : settings.find((other) => distance(name, other) <= 2);
    return meant ? [`${name} is not a setting: ${meant} is`] : [];
  });
}
