import { distance } from 'fastest-levenshtein';

/** Minimum length of a name: shorter names resemble each other by chance. */
const MIN_LENGTH_TWO_ERRORS = 10;
const MIN_LENGTH_ONE_ERROR = 7;

/** Prefixes of variables that no other program reads. */
const OWN_PREFIX = /^(?:TENANCY|OWNER_DATABASE|APP_SECRET|THROTTLE_STORE|SECURE_(?:SSL|HSTS))(?:_|$)/;

/** Returns the known name that differs by one or two letters. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const allowed = name.length >= MIN_LENGTH_TWO_ERRORS ? 2 : name.length >= MIN_LENGTH_ONE_ERROR ? 1 : 0;
  return known.find((other) => other.length >= MIN_LENGTH_ONE_ERROR && distance(name, other) <= allowed);
}

/**
 * Returns a sentence for each name in an environment that looks like a variable of this service but is
 * not: a misspelled one, one with a prefix that only this service uses, or one of a system that this
 * one follows. Other names are ignored.
 *
 * @param known variables of the service, with those that name files
 * @param settings those of `known` that tenants can override
 */
export function findUnknownVariables(
  given: readonly string[],
  {
    known,
    settings,
    unknown,
  }: { known: readonly string[]; settings: readonly string[]; unknown: readonly string[] },
): readonly string[] {
  const names = new Set(known);
  const set = new Set(given);
  return given.flatMap((name) => {
    if (names.has(name)) {
      return [];
    }
    if (unknown.includes(name)) {
      return [`${name} is not supported; docs/accounts.md lists the alternative`];
    }
    const setting = name.length < MIN_LENGTH_TWO_ERRORS ? undefined : nearest(name, settings);
    // A variable of another program may resemble one that is set too.
    const meant =
      setting ??
      nearest(
        name,
        known.filter((other) => !set.has(other)),
      );
    if (meant !== undefined) {
      return [`${name} is not a setting; did you mean ${meant}?`];
    }
    return OWN_PREFIX.test(name)
      ? [`${name} is not a setting; .env.example of koa-tenants lists all settings`]
      : [];
  });
}
