import { translateViolation } from '../../../db/violations.ts';
import { ValidationFailed } from '../../../errors.ts';
import { notFound } from '../../../http/identifier.ts';
import type { TenantTransaction } from '../../../tenancy/context/with-tenant.ts';
import { type AccountDependencies, type AccountRequest, write } from '../dependencies.ts';
import { followLink, type Link } from '../mail/links.ts';
import { enqueueMail } from '../mail/outbox-queries.ts';
import { assertCurrentPassword } from '../passwords/credentials.ts';
import type { AccountSettings } from '../settings.ts';
import { accountsViolations } from '../violations.ts';
import { touchLastLogin, updateNames } from './account-changes.ts';
import { type Account, lockAccount } from './account-queries.ts';
import { assertFree } from './register.ts';

type Names = Readonly<{ username?: string | undefined; email?: string | undefined }>;

/**
 * Changes a user's names. With activation, a new address makes the user inactive until its link is
 * followed.
 *
 * @throws ValidationFailed on a name that another user has
 */
export async function changeNames(
  tx: TenantTransaction,
  settings: AccountSettings,
  account: Account,
  { username = account.username, email = account.email }: Names,
): Promise<Account> {
  await assertFree(tx, { username, email, except: account.id });
  const awaitsActivation = settings.SEND_ACTIVATION_EMAIL && email !== account.email;
  const changed = await updateNames(tx, account.id, { username, email, awaitsActivation });
  if (!changed) {
    throw notFound();
  }
  if (awaitsActivation && changed.awaits_activation) {
    await enqueueMail(tx, 'activation', { userId: account.id });
  }
  return changed;
}

/**
 * Changes the login name. Notifies the previous address, in case the owner did not request it.
 *
 * @throws ValidationFailed on a name that any user has, the user included, as Djoser does
 */
async function changeLoginName(
  tx: TenantTransaction,
  settings: AccountSettings,
  account: Account,
  name: string,
): Promise<void> {
  const { LOGIN_FIELD: field } = settings;
  if (account[field] === name) {
    throw new ValidationFailed({ [field]: [`A user with that ${field} already exists.`] });
  }
  const names: Names = field === 'email' ? { email: name } : { username: name };
  await changeNames(tx, settings, account, names);
  if (settings.USERNAME_CHANGED_EMAIL_CONFIRMATION && account.email !== '') {
    await enqueueMail(tx, 'username_changed', { userId: account.id, address: account.email });
  }
}

/** Renames the field of an error to `new_username` or `new_email`. */
function underNewName(settings: AccountSettings, thrown: unknown): unknown {
  const error = translateViolation(thrown, accountsViolations);
  const faults = error instanceof ValidationFailed ? error.fields[settings.LOGIN_FIELD] : undefined;
  return faults ? new ValidationFailed({ [`new_${settings.LOGIN_FIELD}`]: faults }) : error;
}

/**
 * Changes the login name of a caller with the current password.
 *
 * @throws ValidationFailed on `current_password`, `new_username` or `new_email`
 */
export async function setLoginName(
  dependencies: AccountDependencies,
  request: AccountRequest,
  settings: AccountSettings,
  account: Account,
  { current, name }: { current: string; name: string },
): Promise<void> {
  await assertCurrentPassword(dependencies, request, settings, { account, given: current });
  await write(dependencies, request, async (tx) => {
    // Read again: the other name may have changed while the password was compared.
    const held = await lockAccount(tx, String(account.id));
    await changeLoginName(tx, settings, held ?? account, name);
  }).catch((error: unknown) => {
    throw underNewName(settings, error);
  });
  dependencies.wakeMail();
}

/**
 * Changes the login name of a client with the link from a mail. The link becomes invalid.
 *
 * @throws ValidationFailed on `uid`, `token`, `new_username` or `new_email`
 */
export async function resetLoginName(
  dependencies: AccountDependencies,
  request: AccountRequest,
  settings: AccountSettings,
  link: Link,
  name: string,
): Promise<void> {
  await write(dependencies, request, async (tx) => {
    const account = await followLink(tx, dependencies, request, settings, {
      ...link,
      purpose: 'username_reset',
    });
    await changeLoginName(tx, settings, account, name);
    // As Djoser does.
    await touchLastLogin(tx, account.id);
  }).catch((error: unknown) => {
    throw underNewName(settings, error);
  });
  dependencies.wakeMail();
}
