import { randomBytes } from 'node:crypto';

import { ApiError, type FieldErrors, ValidationFailed } from '../../../errors.ts';
import type { TenantTransaction } from '../../../tenancy/context/with-tenant.ts';
import { type AccountDependencies, type AccountRequest, read, write } from '../dependencies.ts';
import { assertNotImpersonating } from '../impersonation/impersonate.ts';
import { enqueueMail } from '../mail/outbox-queries.ts';
import { assertGoodPassword } from '../passwords/credentials.ts';
import type { AccountSettings } from '../settings.ts';
import { insertAccount } from './account-changes.ts';
import { type Account, findAccount, findTaken } from './account-queries.ts';

export type NewAccount = Readonly<{ username: string | null; email: string; password: string }>;

/** Creates a username for users with LOGIN_FIELD `email` who chose none. It reveals nothing about the user. */
const createUsername = (): string => `user_${randomBytes(6).toString('hex')}`;

/**
 * Checks that names are not taken.
 *
 * @throws ValidationFailed on each name that another user has
 */
export async function assertFree(
  tx: TenantTransaction,
  names: { username: string; email: string; except: number | null },
): Promise<void> {
  const taken = await findTaken(tx, names);
  const faults: Record<string, readonly string[]> = {
    ...(taken.username ? { username: ['A user with that username already exists.'] } : {}),
    ...(taken.email ? { email: ['A user with that email already exists.'] } : {}),
  };
  if (Object.keys(faults).length > 0) {
    throw new ValidationFailed(faults satisfies FieldErrors);
  }
}

/** Allows staff always, and other callers if registration is open. */
async function assertMayRegister(
  tx: TenantTransaction,
  request: AccountRequest,
  settings: AccountSettings,
): Promise<void> {
  // A user that an operator added would be attributed to the impersonated user.
  assertNotImpersonating(request.caller);
  const caller = request.caller && (await findAccount(tx, request.caller.userId));
  if (!settings.ALLOW_REGISTRATION && !caller?.is_staff) {
    throw new ApiError('permission_denied', "Registration is closed. Contact the site's support.");
  }
}

/**
 * Creates a user. The response names a taken name, as Djoser's does, and attempts are throttled.
 *
 * With SEND_ACTIVATION_EMAIL the user is inactive until the link in the mail is followed. The mail
 * is stored in the transaction that creates the user.
 *
 * @throws ValidationFailed on each invalid or taken field
 * @throws ApiError `permission_denied`
 * @throws Unavailable `throttled` or `overloaded`
 */
export async function register(
  dependencies: AccountDependencies,
  request: AccountRequest,
  settings: AccountSettings,
  { username, email, password }: NewAccount,
): Promise<Account> {
  const names = { username: username ?? createUsername(), email };
  await dependencies.throttle.consume('register', settings.THROTTLE_REGISTER, {
    tenant: request.tenant.id,
    account: '',
    address: request.address,
  });
  await read(dependencies, request, async (tx) => {
    await assertMayRegister(tx, request, settings);
    await assertFree(tx, { ...names, except: null });
  });
  await assertGoodPassword('password', password, { ...names, first_name: '', last_name: '' });
  const hashed = await dependencies.passwords.hash(request.tenant.id, password);

  const account = await write(dependencies, request, async (tx) => {
    const awaitsActivation = settings.SEND_ACTIVATION_EMAIL;
    const created = await insertAccount(tx, { ...names, password: hashed, awaitsActivation });
    if (awaitsActivation) {
      await enqueueMail(tx, 'activation', { userId: created.id });
    } else if (settings.SEND_CONFIRMATION_EMAIL && created.email !== '') {
      await enqueueMail(tx, 'confirmation', { userId: created.id });
    }
    return created;
  });
  dependencies.wakeMail();
  return account;
}
