import { z } from 'zod';
import { flag, oneOf, rate, whole, wholeIfGiven } from '../../tenancy/registry/setting-fields.ts';
import type { TenantSettings } from '../../tenancy/registry/tenant-settings.ts';

/**
 * Returns the schema of a front-end path on the tenant's own primary domain. Other hosts are
 * rejected: they would be an open redirect.
 */
const linkPath = (standard: string) =>
  z
    .string()
    .refine(
      (path) => path.includes('{uid}') && path.includes('{token}') && !/^[/\\]|:|[\s<>"]/.test(path),
      'must be a path without a leading slash that contains {uid} and {token}',
    )
    .default(standard);

/** Names are those of Djoser and SimpleJWT if they have one. Times are in seconds. docs/accounts.md explains each. */
export const settings = {
  LOGIN_FIELD: oneOf('username', 'email').default('username'),
  HIDE_USERS: flag('true'),
  ALLOW_REGISTRATION: flag('true'),

  USER_CREATE_PASSWORD_RETYPE: flag('false'),
  SET_PASSWORD_RETYPE: flag('false'),
  SET_USERNAME_RETYPE: flag('false'),
  PASSWORD_RESET_CONFIRM_RETYPE: flag('false'),
  USERNAME_RESET_CONFIRM_RETYPE: flag('false'),

  SEND_ACTIVATION_EMAIL: flag('false'),
  SEND_CONFIRMATION_EMAIL: flag('false'),
  PASSWORD_CHANGED_EMAIL_CONFIRMATION: flag('false'),
  USERNAME_CHANGED_EMAIL_CONFIRMATION: flag('false'),
  ACTIVATION_URL: linkPath('activate/{uid}/{token}'),
  PASSWORD_RESET_CONFIRM_URL: linkPath('password/reset/confirm/{uid}/{token}'),
  USERNAME_RESET_CONFIRM_URL: linkPath('username/reset/confirm/{uid}/{token}'),
  PASSWORD_RESET_TIMEOUT: whole(60, 2_592_000, 259_200),

  ACCESS_TOKEN_LIFETIME: whole(10, 86_400, 300),
  REFRESH_TOKEN_LIFETIME: whole(60, 31_536_000, 86_400),
  ROTATE_REFRESH_TOKENS: flag('false'),
  BLACKLIST_AFTER_ROTATION: flag('true'),
  UPDATE_LAST_LOGIN: flag('false'),
  LEEWAY: whole(0, 300, 0),
  LOGOUT_ON_PASSWORD_CHANGE: flag('true'),
  AUTH_COOKIES: flag('false'),
  ACCOUNT_PAGES: flag('true'),

  THROTTLE_LOGIN: rate('10/min'),
  THROTTLE_RESET: rate('5/hour'),
  THROTTLE_REGISTER: rate('20/hour'),
};

/** Settings of mail and hashing. They apply to the process. */
export const environment = {
  SMTP_URL: z.url({ protocol: /^smtps?$/, error: 'must be an smtp:// or smtps:// URL' }).optional(),
  MAIL_DIR: z.string().min(1).optional(),
  DEFAULT_FROM_EMAIL: z.email('must be an e-mail address').optional(),
  EMAIL_FRONTEND_PROTOCOL: oneOf('https', 'http').default('https'),
  EMAIL_FRONTEND_PORT: wholeIfGiven(1, 65_535),
  PASSWORD_HASHERS: wholeIfGiven(1, 64),
  PASSWORD_QUEUE: whole(1, 10_000, 100),
  PASSWORD_MEMORY: whole(7_168, 65_536, 19_456),
  PASSWORD_PASSES: whole(1, 9, 2),
  PASSWORD_MAX_MEMORY: whole(7_168, 65_536, 65_536),
};

/** A tenant's settings: the engine's, and those of accounts. */
export type AccountSettings = TenantSettings & Readonly<z.infer<z.ZodObject<typeof settings>>>;
export type AccountEnvironment = Readonly<z.infer<z.ZodObject<typeof environment>>>;

/** Settings of Djoser and SimpleJWT that are not supported here. */
export const unknownSettings = [
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
];
