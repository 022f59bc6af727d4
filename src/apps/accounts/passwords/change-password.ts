import { ApiError, ValidationFailed } from '../../../errors.ts';
import type { TenantTransaction } from '../../../tenancy/context/with-tenant.ts';
import { type AccountDependencies, type AccountRequest, read, write } from '../dependencies.ts';
import { followLink, type Link } from '../mail/links.ts';
import { enqueueMail } from '../mail/outbox-queries.ts';
import { deleteSessions } from '../sessions/session-queries.ts';
import type { AccountSettings } from '../settings.ts';
import { replacePassword, touchLastLogin } from '../users/account-changes.ts';
import type { Account } from '../users/account-queries.ts';
import { assertCurrentPassword, assertGoodPassword } from './credentials.ts';

/**
 * Saves the hash and ends the sessions of the old password. Returns false when the password was
 * changed meanwhile.
 */
async function save(
  tx: TenantTransaction,
  settings: AccountSettings,
  { id, token_version: version, email }: Account,
  password: string,
): Promise<boolean> {
  if (!(await replacePassword(tx, { id, version, password }))) {
    return false;
  }
  await deleteSessions(tx, id, { keys: settings.LOGOUT_ON_PASSWORD_CHANGE });
  if (settings.PASSWORD_CHANGED_EMAIL_CONFIRMATION && email !== '') {
    await enqueueMail(tx, 'password_changed', { userId: id });
  }
  return true;
}

/**
 * Sets a new password for a caller with the current one. Every earlier token becomes invalid,
 * including that of the request.
 *
 * @throws ValidationFailed on `current_password` or `new_password`
 * @throws ApiError `password_changed`
 */
export async function setPassword(
  dependencies: AccountDependencies,
  request: AccountRequest,
  settings: AccountSettings,
  account: Account,
  given: { current: string; fresh: string },
): Promise<void> {
  await assertCurrentPassword(dependencies, request, settings, { account, given: given.current });
  await assertGoodPassword('new_password', given.fresh, account);
  const hashed = await dependencies.passwords.hash(request.tenant.id, given.fresh);
  await write(dependencies, request, async (tx) => {
    if (!(await save(tx, settings, account, hashed))) {
      throw new ApiError('password_changed', "The user's password has been changed.");
    }
  });
  dependencies.wakeMail();
}

/**
 * Sets a new password for a client with the link from a mail. The link becomes invalid.
 *
 * @throws ValidationFailed on `uid`, `token` or `new_password`
 */
export async function resetPassword(
  dependencies: AccountDependencies,
  request: AccountRequest,
  settings: AccountSettings,
  link: Link,
  fresh: string,
): Promise<void> {
  const account = await read(dependencies, request, (tx) =>
    followLink(tx, dependencies, request, settings, { ...link, purpose: 'password_reset', hold: false }),
  );
  await assertGoodPassword('new_password', fresh, account);
  const hashed = await dependencies.passwords.hash(request.tenant.id, fresh);
  await write(dependencies, request, async (tx) => {
    // Checked again: of two concurrent requests with one link, the second must fail.
    await followLink(tx, dependencies, request, settings, { ...link, purpose: 'password_reset' });
    if (!(await save(tx, settings, account, hashed))) {
      throw new ValidationFailed({ token: ['Invalid token for given user.'] });
    }
    await touchLastLogin(tx, account.id);
  });
  dependencies.wakeMail();
}
