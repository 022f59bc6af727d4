import { distance } from 'fastest-levenshtein';

/** Maximum number of letters by which a misspelled name differs from the suggested one. */
const MAX_DISTANCE = 3;

/** Names that apps declare. It only grows, when the modules of apps are loaded. */
const declared = new Set<string>();

/** Called by `defineApp`. */
export function declarePermissions(names: readonly string[]): void {
  for (const name of names) {
    declared.add(name);
  }
}

/** Returns a sentence about a name that is not among `names`, with the most similar one. */
export function unknownPermission(name: string, names: readonly string[]): string {
  const [nearest] = names
    .map((other) => [other, distance(name, other)] as const)
    .filter(([, difference]) => difference <= MAX_DISTANCE)
    .sort(([, one], [, other]) => one - other)
    .map(([other]) => other);
  const known = names.length === 0 ? 'No app declares permissions.' : `Permissions: ${names.join(', ')}.`;
  return `There is no permission "${name}". ${nearest === undefined ? known : `Most similar: "${nearest}".`}`;
}

/**
 * Rejects a misspelled name in code, which would allow superusers only.
 *
 * @throws TypeError
 */
export function assertDeclared(name: string): void {
  if (!declared.has(name)) {
    throw new TypeError(
      `${unknownPermission(name, [...declared])} An app declares them: defineApp({ permissions }).`,
    );
  }
}
