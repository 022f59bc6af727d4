import { randomBytes, randomUUID } from 'node:crypto';

import { ApiError, ValidationFailed } from '../../../errors.ts';
import { type AccountDependencies, type AccountRequest, write } from '../dependencies.ts';
import { checkCredentials } from '../passwords/credentials.ts';
import type { AccountSettings } from '../settings.ts';
import { touchLastLogin } from '../users/account-changes.ts';
import type { Account } from '../users/account-queries.ts';
import { hashKey } from './guards.ts';
import { openSession, type TokenPair } from './open-session.ts';
import { insertSession } from './session-queries.ts';

type Given = Readonly<{ login: string; password: string }>;

/**
 * Returns a pair of tokens for a login name and a password.
 *
 * @throws ApiError `no_active_account`
 * @throws Unavailable `throttled` or `overloaded`
 */
export async function logIn(
  dependencies: AccountDependencies,
  request: AccountRequest,
  settings: AccountSettings,
  given: Given,
): Promise<TokenPair> {
  const account = await checkCredentials(dependencies, request, settings, given);
  const pair =
    account &&
    (await write(dependencies, request, async (tx) => {
      if (settings.UPDATE_LAST_LOGIN) {
        await touchLastLogin(tx, account.id);
      }
      return openSession(tx, dependencies.secrets, request, settings, { user: account, actor: null });
    }));
  if (!pair) {
    throw new ApiError('no_active_account', 'No active account found with the given credentials');
  }
  return pair;
}

/** Creates a key as Django REST Framework does: 40 hexadecimal digits. */
const createKey = (): string => randomBytes(20).toString('hex');

/**
 * Returns a key for `Authorization: Token` that does not expire. Each login creates a new one:
 * only its hash is stored, so an existing key cannot be returned again.
 *
 * @throws ValidationFailed on `non_field_errors`
 * @throws Unavailable `throttled` or `overloaded`
 */
export async function logInForKey(
  dependencies: AccountDependencies,
  request: AccountRequest,
  settings: AccountSettings,
  given: Given,
): Promise<string> {
  const account: Account | null = await checkCredentials(dependencies, request, settings, given);
  const key = createKey();
  const session =
    account &&
    (await write(dependencies, request, async (tx) => {
      await touchLastLogin(tx, account.id);
      return insertSession(tx, {
        user: account,
        family: randomUUID(),
        keyHash: hashKey(key),
        userAgent: request.userAgent,
        lifetime: null,
      });
    }));
  if (!session) {
    throw new ValidationFailed({ non_field_errors: ['Unable to log in with provided credentials.'] });
  }
  return key;
}
