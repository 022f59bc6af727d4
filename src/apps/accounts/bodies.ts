import { z } from 'zod';

import { ValidationFailed } from '../../errors.ts';
import { readBody } from '../../http/body/validate.ts';
import { email as emailField } from '../../http/fields/email.ts';
import { optional, readOnly } from '../../http/fields/field.ts';
import { id } from '../../http/fields/relation.ts';
import { text } from '../../http/fields/text.ts';
import type { Context } from '../../http/state.ts';
import type { Link } from './mail/links.ts';
import type { AccountSettings } from './settings.ts';
import { email, MAX_RAW_NAME, password, username } from './users/fields.ts';
import type { NewAccount } from './users/register.ts';

const link = { uid: text(), token: text() };
const current = { current_password: password() };

/** Returns the schema of a repeated field: required when the setting is on, otherwise ignored. */
const repeated = (isRequired: boolean) => (isRequired ? password() : z.unknown().optional());

function assertSame(isRequired: boolean, [value, retyped]: readonly unknown[], what: string): void {
  if (isRequired && value !== retyped) {
    throw new ValidationFailed({ non_field_errors: [`The two ${what} fields didn't match.`] });
  }
}

/** Returns the fields of both login endpoints: `{U}` and `password`. */
export const loginFields = ({ LOGIN_FIELD: field }: AccountSettings) => ({
  [field]: text({ max: MAX_RAW_NAME }),
  password: password(),
});

/** Returns the fields of a user as OPTIONS describes them. */
export const userFields = ({ LOGIN_FIELD: field, SEND_ACTIVATION_EMAIL: activates }: AccountSettings) =>
  field === 'email'
    ? { username: username(), id: id(), email: readOnly(emailField()) }
    : { email: optional(emailField({ blank: !activates })), id: id(), username: readOnly(username()) };

/** Reads `{U}` and `password` for both login endpoints. */
export function readLogin(ctx: Context, settings: AccountSettings) {
  const { LOGIN_FIELD: field } = settings;
  const given: Record<string, unknown> = readBody(ctx, z.object(loginFields(settings)));
  return { login: String(given[field]), password: String(given.password) };
}

/**
 * Reads a new account. With LOGIN_FIELD `username` the address is optional, unless activation
 * needs it. With `email` the username is optional.
 */
export function readNewAccount(ctx: Context, settings: AccountSettings): NewAccount {
  const { USER_CREATE_PASSWORD_RETYPE: retype, SEND_ACTIVATION_EMAIL: activates } = settings;
  const byEmail = settings.LOGIN_FIELD === 'email';
  const given = readBody(
    ctx,
    z.object({
      username: byEmail ? username().optional() : username(),
      email: byEmail || activates ? email() : email({ blank: true }).optional(),
      password: password(),
      re_password: repeated(retype),
    }),
  );
  assertSame(retype, [given.password, given.re_password], 'password');
  return { username: given.username ?? null, email: given.email ?? '', password: given.password };
}

/** Reads a profile: the name that is not the login. The login name has its own routes. */
export function readProfile(
  ctx: Context,
  { LOGIN_FIELD: field, SEND_ACTIVATION_EMAIL: activates }: AccountSettings,
  { partial }: { partial: boolean },
): { username?: string | undefined; email?: string | undefined } {
  return field === 'email'
    ? readBody(ctx, z.object({ username: partial ? username().optional() : username() }))
    : readBody(ctx, z.object({ email: email({ blank: !activates }).optional() }));
}

export const readCurrentPassword = (ctx: Context): string =>
  readBody(ctx, z.object(current)).current_password;

export const readLink = (ctx: Context): Link => readBody(ctx, z.object(link));

export const readEmail = (ctx: Context): string => readBody(ctx, z.object({ email: email() })).email;

export const readTokenField = (ctx: Context): string => readBody(ctx, z.object({ token: text() })).token;

/** Reads a refresh token. Returns null when it is optional and missing: a browser sends it in a cookie. */
export const readRefresh = (ctx: Context, { optional }: { optional: boolean }): string | null =>
  readBody(ctx, z.object({ refresh: optional ? text().optional() : text() })).refresh ?? null;

const fresh = (retype: boolean) => ({ new_password: password(), re_new_password: repeated(retype) });

/** Reads a new password together with the current one. */
export function readSetPassword(ctx: Context, { SET_PASSWORD_RETYPE: retype }: AccountSettings) {
  const given = readBody(ctx, z.object({ ...fresh(retype), ...current }));
  assertSame(retype, [given.new_password, given.re_new_password], 'password');
  return { current: given.current_password, fresh: given.new_password };
}

/** Reads a new password together with the parts of a link. */
export function readResetPassword(ctx: Context, { PASSWORD_RESET_CONFIRM_RETYPE: retype }: AccountSettings) {
  const given = readBody(ctx, z.object({ ...link, ...fresh(retype) }));
  assertSame(retype, [given.new_password, given.re_new_password], 'password');
  return { link: { uid: given.uid, token: given.token }, fresh: given.new_password };
}

/** Reads `new_username` or `new_email`, and the repeated one if the setting requires it. */
function readLoginName<Proof extends z.ZodRawShape>(
  ctx: Context,
  { LOGIN_FIELD: field }: AccountSettings,
  proof: Proof,
  retype: boolean,
): { name: string; proof: z.infer<z.ZodObject<Proof>> } {
  const [name, renamed] = [`new_${field}`, `re_new_${field}`];
  const names = z.object({ [name]: field === 'email' ? email() : username(), [renamed]: repeated(retype) });
  const given = readBody(ctx, z.intersection(z.object(proof), names)) as Record<string, unknown>;
  assertSame(retype, [given[name], given[renamed]], field);
  return { name: String(given[name]), proof: given as z.infer<z.ZodObject<Proof>> };
}

export const readSetLoginName = (ctx: Context, settings: AccountSettings) =>
  readLoginName(ctx, settings, current, settings.SET_USERNAME_RETYPE);

export const readResetLoginName = (ctx: Context, settings: AccountSettings) =>
  readLoginName(ctx, settings, link, settings.USERNAME_RESET_CONFIRM_RETYPE);
