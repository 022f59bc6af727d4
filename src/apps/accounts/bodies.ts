import { z } from 'zod';

import { ValidationFailed } from '../../errors.ts';
import { readBody } from '../../http/body/validate.ts';
import { email as emailField } from '../../http/fields/email.ts';
import { optional, readOnly } from '../../http/fields/field.ts';
import { id } from '../../http/fields/relation.ts';
import { text } from '../../http/fields/text.ts';
import type { Context } from '../../http/state.ts';
import { bySettings } from './by-settings.ts';
import type { Link } from './mail/links.ts';
import type { AccountSettings } from './settings.ts';
import { email, MAX_RAW_NAME, password, username } from './users/fields.ts';
import type { NewAccount } from './users/register.ts';

const link = { uid: text(), token: text() };
const current = { current_password: password() };

/** Returns a repeated field if the setting requires it. Otherwise it is ignored. */
const repeated = (isRequired: boolean, name: string): Readonly<Record<string, z.ZodType>> =>
  isRequired ? { [name]: password() } : {};

const named = (shape: z.ZodRawShape, name: string): z.ZodObject =>
  z.object(shape).meta({ id: name }) as unknown as z.ZodObject;

/** Reads a body whose fields depend on settings: each of them is text. */
const readTexts = (ctx: Context, body: z.ZodObject): Readonly<Record<string, string | undefined>> =>
  readBody(ctx, body) as Readonly<Record<string, string | undefined>>;

function assertSame(isRequired: boolean, [value, retyped]: readonly unknown[], what: string): void {
  if (isRequired && value !== retyped) {
    throw new ValidationFailed({ non_field_errors: [`The two ${what} fields didn't match.`] });
  }
}

/** Returns the fields of both login endpoints: `{U}` and `password`. */
export const loginFields = ({ LOGIN_FIELD: field }: Pick<AccountSettings, 'LOGIN_FIELD'>) => ({
  [field]: text({ max: MAX_RAW_NAME }),
  password: password(),
});

/** Returns the fields of a user as OPTIONS describes them. */
export const userFields = ({ LOGIN_FIELD: field, SEND_ACTIVATION_EMAIL: activates }: AccountSettings) =>
  field === 'email'
    ? { username: username(), id: id(), email: readOnly(emailField()) }
    : { email: optional(emailField({ blank: !activates })), id: id(), username: readOnly(username()) };

export const loginBody = bySettings(['LOGIN_FIELD'], (settings) =>
  named(loginFields(settings), 'LoginRequest'),
);

/** Reads `{U}` and `password` for both login endpoints. */
export function readLogin(ctx: Context, settings: AccountSettings) {
  const given = readTexts(ctx, loginBody(settings));
  return { login: String(given[settings.LOGIN_FIELD]), password: String(given.password) };
}

/**
 * A new account. With LOGIN_FIELD `username` the address is optional, unless activation needs it.
 * With `email` the username is optional.
 */
export const newAccountBody = bySettings(
  ['LOGIN_FIELD', 'SEND_ACTIVATION_EMAIL', 'USER_CREATE_PASSWORD_RETYPE'],
  ({ LOGIN_FIELD: field, SEND_ACTIVATION_EMAIL: activates, USER_CREATE_PASSWORD_RETYPE: retype }) =>
    named(
      {
        username: field === 'email' ? username().optional() : username(),
        email: field === 'email' || activates ? email() : email({ blank: true }).optional(),
        password: password(),
        ...repeated(retype, 're_password'),
      },
      'UserCreateRequest',
    ),
);

export function readNewAccount(ctx: Context, settings: AccountSettings): NewAccount {
  const given = readTexts(ctx, newAccountBody(settings));
  assertSame(settings.USER_CREATE_PASSWORD_RETYPE, [given.password, given.re_password], 'password');
  return { username: given.username ?? null, email: given.email ?? '', password: String(given.password) };
}

const profile = (
  {
    LOGIN_FIELD: field,
    SEND_ACTIVATION_EMAIL: activates,
  }: Pick<AccountSettings, 'LOGIN_FIELD' | 'SEND_ACTIVATION_EMAIL'>,
  { partial }: { partial: boolean },
): z.ZodObject =>
  named(
    field === 'email'
      ? { username: partial ? username().optional() : username() }
      : { email: email({ blank: !activates }).optional() },
    partial ? 'PatchedUserRequest' : 'UserRequest',
  );

/** A profile: the name that is not the login. The login name has its own routes. */
export const profileBody = bySettings(['LOGIN_FIELD', 'SEND_ACTIVATION_EMAIL'], (settings) =>
  profile(settings, { partial: false }),
);
export const partialProfileBody = bySettings(['LOGIN_FIELD', 'SEND_ACTIVATION_EMAIL'], (settings) =>
  profile(settings, { partial: true }),
);

export const readProfile = (
  ctx: Context,
  settings: AccountSettings,
  { partial }: { partial: boolean },
): { username?: string | undefined; email?: string | undefined } =>
  readTexts(ctx, partial ? partialProfileBody(settings) : profileBody(settings));

export const currentPasswordBody = z.object(current).meta({ id: 'CurrentPasswordRequest' });
export const readCurrentPassword = (ctx: Context): string =>
  readBody(ctx, currentPasswordBody).current_password;

export const linkBody = z.object(link).meta({ id: 'LinkRequest' });
export const readLink = (ctx: Context): Link => readBody(ctx, linkBody);

export const emailBody = z.object({ email: email() }).meta({ id: 'EmailRequest' });
export const readEmail = (ctx: Context): string => readBody(ctx, emailBody).email;

export const tokenBody = z.object({ token: text() }).meta({ id: 'TokenRequest' });
export const readTokenField = (ctx: Context): string => readBody(ctx, tokenBody).token;

/** A refresh token. It is optional if a browser sends it in a cookie. */
export const refreshBody = bySettings(['AUTH_COOKIES'], ({ AUTH_COOKIES: isOptional }) =>
  named({ refresh: isOptional ? text().optional() : text() }, 'RefreshRequest'),
);

/** The same as OpenAPI documents have it: a request with X-Token-Transport may send the token in a cookie. */
export const describedRefreshBody = z
  .object({ refresh: text().optional().describe('Required, unless it is in a cookie.') })
  .meta({ id: 'RefreshRequest' });

/** Reads a refresh token. Returns null when it is missing. */
export const readRefresh = (ctx: Context, settings: AccountSettings): string | null =>
  readTexts(ctx, refreshBody(settings)).refresh ?? null;

const fresh = (retype: boolean): z.ZodRawShape => ({
  new_password: password(),
  ...repeated(retype, 're_new_password'),
});

export const setPasswordBody = bySettings(['SET_PASSWORD_RETYPE'], ({ SET_PASSWORD_RETYPE: retype }) =>
  named({ ...fresh(retype), ...current }, 'SetPasswordRequest'),
);

/** Reads a new password together with the current one. */
export function readSetPassword(ctx: Context, settings: AccountSettings) {
  const given = readTexts(ctx, setPasswordBody(settings));
  assertSame(settings.SET_PASSWORD_RETYPE, [given.new_password, given.re_new_password], 'password');
  return { current: String(given.current_password), fresh: String(given.new_password) };
}

export const resetPasswordBody = bySettings(
  ['PASSWORD_RESET_CONFIRM_RETYPE'],
  ({ PASSWORD_RESET_CONFIRM_RETYPE: retype }) => named({ ...link, ...fresh(retype) }, 'ResetPasswordRequest'),
);

const linkOf = (given: Readonly<Record<string, string | undefined>>): Link => ({
  uid: String(given.uid),
  token: String(given.token),
});

/** Reads a new password together with the parts of a link. */
export function readResetPassword(ctx: Context, settings: AccountSettings) {
  const given = readTexts(ctx, resetPasswordBody(settings));
  assertSame(settings.PASSWORD_RESET_CONFIRM_RETYPE, [given.new_password, given.re_new_password], 'password');
  return { link: linkOf(given), fresh: String(given.new_password) };
}

/** Returns `new_username` or `new_email`, and the repeated one if the setting requires it. */
function loginNameFields(
  { LOGIN_FIELD: field }: Pick<AccountSettings, 'LOGIN_FIELD'>,
  retype: boolean,
): z.ZodRawShape {
  return {
    [`new_${field}`]: field === 'email' ? email() : username(),
    ...repeated(retype, `re_new_${field}`),
  };
}

/** Reads a new login name from a body with `loginNameFields`. */
function readLoginName(
  ctx: Context,
  body: z.ZodObject,
  { LOGIN_FIELD: field }: AccountSettings,
  retype: boolean,
): { name: string; given: Readonly<Record<string, string | undefined>> } {
  const given = readTexts(ctx, body);
  assertSame(retype, [given[`new_${field}`], given[`re_new_${field}`]], field);
  return { name: String(given[`new_${field}`]), given };
}

export const setLoginNameBody = bySettings(['LOGIN_FIELD', 'SET_USERNAME_RETYPE'], (settings) =>
  named({ ...current, ...loginNameFields(settings, settings.SET_USERNAME_RETYPE) }, 'SetLoginNameRequest'),
);

export function readSetLoginName(ctx: Context, settings: AccountSettings) {
  const { name, given } = readLoginName(
    ctx,
    setLoginNameBody(settings),
    settings,
    settings.SET_USERNAME_RETYPE,
  );
  return { name, current: String(given.current_password) };
}

export const resetLoginNameBody = bySettings(['LOGIN_FIELD', 'USERNAME_RESET_CONFIRM_RETYPE'], (settings) =>
  named(
    { ...link, ...loginNameFields(settings, settings.USERNAME_RESET_CONFIRM_RETYPE) },
    'ResetLoginNameRequest',
  ),
);

export function readResetLoginName(ctx: Context, settings: AccountSettings) {
  const { name, given } = readLoginName(
    ctx,
    resetLoginNameBody(settings),
    settings,
    settings.USERNAME_RESET_CONFIRM_RETYPE,
  );
  return { name, link: linkOf(given) };
}
