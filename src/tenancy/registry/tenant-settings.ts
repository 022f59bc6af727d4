import { z } from 'zod';

import { DomainError } from '../../errors.ts';
import { flag, oneOf, rate, whole } from './setting-fields.ts';

/** A page of the front end, on the tenant's own primary domain: a template of another host would be a way out. */
const linkPath = (standard: string) =>
  z
    .string()
    .refine(
      (path) => path.includes('{uid}') && path.includes('{token}') && !/^[/\\]|:|[\s<>"]/.test(path),
      'is not a path below the tenant’s domain, without a leading slash, that holds {uid} and {token}',
    )
    .default(standard);

/**
 * What each tenant may set otherwise for itself, in its row's `settings`. The
 * environment says what holds where it does not. Names are Djoser's and
 * SimpleJWT's where they have one; times are seconds, and milliseconds in the
 * limits at the end. docs/accounts.md and docs/limits.md explain each.
 */
export const tenantSettings = z.strictObject({
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
  ROTATE_REFRESH_TOKENS: flag('true'),
  BLACKLIST_AFTER_ROTATION: flag('true'),
  UPDATE_LAST_LOGIN: flag('false'),
  LEEWAY: whole(0, 300, 0),
  LOGOUT_ON_PASSWORD_CHANGE: flag('true'),
  AUTH_COOKIES: flag('false'),

  THROTTLE_LOGIN: rate('10/min'),
  THROTTLE_RESET: rate('5/hour'),
  THROTTLE_REGISTER: rate('20/hour'),

  TENANT_REQUESTS_PER_MINUTE: whole(0, 10_000_000, 0),
  TENANT_CONCURRENCY: whole(0, 500, 0),
  STATEMENT_TIMEOUT: whole(10, 600_000, 10_000),
  IDLE_IN_TRANSACTION_TIMEOUT: whole(10, 600_000, 10_000),
  MAX_RESPONSE_BYTES: whole(1_024, 1_073_741_824, 10_485_760),
  MAX_RESULT_BYTES: whole(1_024, 1_073_741_824, 16_777_216),
});

export type TenantSettings = Readonly<z.infer<typeof tenantSettings>>;
export type SettingName = keyof TenantSettings;

export const SETTING_NAMES = Object.keys(tenantSettings.shape) as readonly SettingName[];

const isSetting = (name: string): name is SettingName => Object.hasOwn(tenantSettings.shape, name);

/**
 * What a tenant's row sets otherwise. Values may be JSON's true and 300, or the
 * same as text.
 *
 * @throws DomainError `configuration_invalid` naming every unknown setting and every faulty value
 */
export function parseOverrides(settings: Readonly<Record<string, unknown>>): Partial<TenantSettings> {
  const faults: string[] = [];
  const overrides: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(settings)) {
    if (!isSetting(name)) {
      faults.push(`${name} is not a setting of a tenant`);
      continue;
    }
    const plain = ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : null;
    const result = tenantSettings.shape[name].safeParse(plain);
    if (result.success) {
      overrides[name] = result.data;
    } else {
      faults.push(`${name} ${result.error.issues[0]?.message ?? 'is not valid'}`);
    }
  }
  if (faults.length > 0) {
    throw new DomainError(
      'configuration_invalid',
      `${faults.join('; ')}. docs/accounts.md lists what a tenant may set.`,
    );
  }
  return overrides;
}

/**
 * What holds for a tenant: the environment's word, and its row's over it. Nobody
 * becomes an operator by asking, unless the site's own row says so.
 *
 * @throws DomainError `configuration_invalid`
 */
export const effectiveSettings = (
  defaults: TenantSettings,
  { isSite }: { isSite: boolean },
  overrides: Readonly<Record<string, unknown>>,
): TenantSettings => ({
  ...defaults,
  ...(isSite ? { ALLOW_REGISTRATION: false } : {}),
  ...parseOverrides(overrides),
});
