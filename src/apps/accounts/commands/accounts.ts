import type pg from 'pg';
import type { Config } from '../../../config/config.ts';
import { ApiError, type DomainError, OperatorError } from '../../../errors.ts';
import { strip } from '../../../http/fields/python-text.ts';
import { withTenantAsOwner } from '../../../tenancy/context/with-owner-tenant.ts';
import { type HashCost, hashCostOf, hashPassword } from '../passwords/password.ts';
import { passwordFaults } from '../passwords/password-rules.ts';
import type { AccountEnvironment } from '../settings.ts';
import { email } from '../users/fields.ts';

/**
 * Returns the cost of new hashes. The configuration contains the settings of every app.
 *
 * @throws OperatorError `configuration_invalid`
 */
export const configuredCost = (config: Config): HashCost => hashCostOf(config as Config & AccountEnvironment);

export type NewUser = Readonly<{
  username: string;
  email: string;
  password: string;
  /** Superusers are staff in any case. */
  isStaff?: boolean;
  isSuperuser: boolean;
}>;

const badUsername = (): DomainError =>
  new OperatorError('usage_invalid', 'A username has 1 to 150 characters: letters, digits and @ . + - _');

/**
 * Returns a username in the form that users__username_form requires, before the user is created.
 *
 * @throws OperatorError `usage_invalid`
 */
export function parseUsername(text: string): string {
  if (!/^[\p{L}\p{N}_.@+-]{1,150}$/u.test(text)) {
    throw badUsername();
  }
  return text;
}

/**
 * Returns an address in the form that the API stores. Empty if there is none.
 *
 * @throws OperatorError `usage_invalid`
 */
export function parseEmail(text: string | undefined): string {
  const parsed = email({ blank: true }).safeParse(text ?? '');
  if (!parsed.success) {
    throw new OperatorError(
      'usage_invalid',
      `"${text}" is not a valid e-mail address: ${parsed.error.issues[0]?.message}`,
    );
  }
  return parsed.data;
}

/**
 * Checks a password that an operator typed, by the rules of the API.
 *
 * @throws OperatorError `usage_invalid` with every violated rule
 */
export async function assertTypedPassword(
  password: string,
  { username, email }: Pick<NewUser, 'username' | 'email'>,
): Promise<void> {
  if (password === '') {
    throw new OperatorError('usage_invalid', 'The password is empty. Type it, or send it to standard input.');
  }
  if (password !== strip(password)) {
    throw new OperatorError(
      'usage_invalid',
      'A password must not begin or end with white space: the API removes it.',
    );
  }
  const faults = await passwordFaults(password, { username, email, first_name: '', last_name: '' });
  if (faults.length > 0) {
    throw new OperatorError('usage_invalid', faults.join(' '));
  }
}

/** Converts the violation of a constraint into an error for an operator. */
function explainUser(error: unknown, schema: string, user: NewUser): unknown {
  const { constraint } = error as { constraint?: string };
  if (constraint === 'users__username' || constraint === 'users__email') {
    const what = constraint === 'users__email' ? `e-mail "${user.email}"` : `name "${user.username}"`;
    return new OperatorError('user_exists', `A user with the ${what} already exists in schema "${schema}".`);
  }
  if (constraint === 'users__username_form') {
    return badUsername();
  }
  return constraint === 'users__email_length'
    ? new OperatorError('usage_invalid', 'An e-mail address has at most 254 characters.')
    : error;
}

/**
 * Returns a function that adds a user, with the hash of the password, in a transaction inside the tenant.
 *
 * The returned function throws DomainError `user_exists` or `usage_invalid`.
 */
export const insertUser =
  (schema: string, user: NewUser, hashed: string) =>
  async (client: pg.ClientBase): Promise<void> => {
    await client
      .query(
        `insert into users (username, email, password, is_staff, is_superuser)
         values ($1, $2, $3, $4, $5)`,
        [user.username, user.email, hashed, user.isSuperuser || user.isStaff === true, user.isSuperuser],
      )
      .catch((error: unknown) => {
        throw explainUser(error, schema, user);
      });
  };

/**
 * Hashes a user's password, and returns a function that adds the user in a transaction inside the
 * tenant. No connection is held while it hashes.
 *
 * The returned function throws DomainError `user_exists` or `usage_invalid`.
 */
export async function prepareUser(
  schema: string,
  user: NewUser,
  cost?: HashCost,
): Promise<(client: pg.ClientBase) => Promise<void>> {
  return insertUser(schema, user, await hashPassword(user.password, cost));
}

/**
 * Adds a user to a tenant's schema with the migration login.
 *
 * @throws DomainError `user_exists` or `tenant_not_found`
 */
export async function addUser(
  owner: pg.ClientConfig,
  schema: string,
  user: NewUser,
  cost?: HashCost,
): Promise<void> {
  const add = await prepareUser(schema, user, cost);
  await withTenantAsOwner(owner, schema, add);
}

/**
 * Replaces a user's password and ends every session, including keys: an operator cannot know which
 * of them were opened with a leaked password.
 *
 * @throws DomainError `usage_invalid`, `user_not_found` or `tenant_not_found`
 */
export async function replacePassword(
  owner: pg.ClientConfig,
  schema: string,
  { username, password, cost }: { username: string; password: string; cost?: HashCost },
): Promise<void> {
  const find = (client: pg.Client) =>
    client.query<{ id: string; email: string }>(
      `select u.id, u.email
       from users as u
       where lower(u.username) = lower($1)`,
      [username],
    );
  const notFound = new ApiError('user_not_found', `Schema "${schema}" has no user "${username}".`);
  const [found] = (await withTenantAsOwner(owner, schema, find)).rows;
  if (!found) {
    throw notFound;
  }
  await assertTypedPassword(password, { username, email: found.email });
  const hashed = await hashPassword(password, cost);
  await withTenantAsOwner(owner, schema, async (client) => {
    const { rowCount } = await client.query(
      `update users
       set password = $2, token_version = token_version + 1
       where id = $1`,
      [found.id, hashed],
    );
    if (rowCount !== 1) {
      throw notFound;
    }
    await client.query('delete from sessions where user_id = $1', [found.id]);
  });
}
