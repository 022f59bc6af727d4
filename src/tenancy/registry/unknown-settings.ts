import { distance } from 'fastest-levenshtein';

/** Djoser's and SimpleJWT's, which somebody may bring along and believe in force. */
const NOT_HERE = new Set([
  'ALGORITHM',
  'AUTH_HEADER_NAME',
  'AUTH_HEADER_TYPES',
  'AUTH_TOKEN_CLASSES',
  'CHECK_REVOKE_TOKEN',
  'CHECK_USER_IS_ACTIVE',
  'CREATE_SESSION_ON_LOGIN',
  'EMAIL_FRONTEND_DOMAIN',
  'EMAIL_FRONTEND_SITE_NAME',
  'JTI_CLAIM',
  'JWK_URL',
  'PASSWORD_RESET_SHOW_EMAIL_NOT_FOUND',
  'REVOKE_TOKEN_CLAIM',
  'SIGNING_KEY',
  'SLIDING_TOKEN_LIFETIME',
  'SLIDING_TOKEN_REFRESH_LIFETIME',
  'SOCIAL_AUTH_ALLOWED_REDIRECT_URIS',
  'SOCIAL_AUTH_TOKEN_STRATEGY',
  'TOKEN_MODEL',
  'TOKEN_TYPE_CLAIM',
  'USERNAME_RESET_SHOW_EMAIL_NOT_FOUND',
  'USER_AUTHENTICATION_RULE',
  'USER_ID_CLAIM',
  'USER_ID_FIELD',
  'VERIFYING_KEY',
]);

/** Shorter names resemble each other by chance. */
const LONG = 10;
const MEDIUM = 7;

/** Prefixes of variables that no other program reads. */
const OURS = /^(?:TENANCY|OWNER_DATABASE|APP_SECRET|THROTTLE|SECURE_(?:SSL|HSTS)|EMAIL_FRONTEND)(?:_|$)/;

/** The known name that differs by one or two letters. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const allowed = name.length >= LONG ? 2 : name.length >= MEDIUM ? 1 : 0;
  return known.find((other) => other.length >= MEDIUM && distance(name, other) <= allowed);
}

/**
 * Returns a sentence for each name in an environment that looks like a variable of
 * this service and is none: a misspelled one, one with a prefix that only this
 * service uses, or one of a system that this one follows. Other names are ignored.
 *
 * @param known variables of the service, with those that name files
 * @param settings those of `known` that tenants can override
 */
export function findStrangers(
  given: readonly string[],
  { known, settings }: { known: readonly string[]; settings: readonly string[] },
): readonly string[] {
  const names = new Set(known);
  const set = new Set(given);
  return given.flatMap((name) => {
    if (names.has(name)) {
      return [];
    }
    if (NOT_HERE.has(name)) {
      return [`${name} is not a setting here: docs/accounts.md says what stands in its place`];
    }
    const setting = name.length < LONG ? undefined : nearest(name, settings);
    // A variable of another program may resemble one that is set as well.
    const meant =
      setting ??
      nearest(
        name,
        known.filter((other) => !set.has(other)),
      );
    if (meant !== undefined) {
      return [`${name} is not a setting: ${meant} is`];
    }
    return OURS.test(name) ? [`${name} is not a setting: .env.example has all of them`] : [];
  });
}
