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

/**
 * Names in an environment that look like a setting and are none: misspelt, or of
 * a system that this one follows. A sentence each. All other names are somebody
 * else's business.
 */
export function findStrangers(
  given: readonly string[],
  { known, settings }: { known: readonly string[]; settings: readonly string[] },
): readonly string[] {
  const names = new Set(known);
  return given.flatMap((name) => {
    if (names.has(name)) {
      return [];
    }
    if (NOT_HERE.has(name)) {
      return [`${name} is not a setting here: docs/accounts.md says what stands in its place`];
    }
    const meant = name.length < LONG ? undefined : settings.find((other) => distance(name, other) <= 2);
    return meant ? [`${name} is not a setting: ${meant} is`] : [];
  });
}
