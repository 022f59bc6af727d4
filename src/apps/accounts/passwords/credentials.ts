import { ValidationFailed } from '../../../errors.ts';
import { type AccountDependencies, type AccountRequest, read, write } from '../dependencies.ts';
import type { AccountSettings } from '../settings.ts';
import { rehashPassword } from '../users/account-changes.ts';
import { type Account, findAccountBy, foldLoginName } from '../users/account-queries.ts';
import { type Personal, passwordFaults } from './password-rules.ts';

type Dependencies = Pick<AccountDependencies, 'tenantDatabase' | 'passwords' | 'throttle'>;

/** Returns the counter key of an account, the same for each of its login names. */
const countedAs = ({ id }: Account): string => `id ${id}`;

/**
 * Returns the active user with a login name and a password, or null. An unknown name, a wrong
 * password and an inactive user give the same response, in content and in time.
 *
 * The hash is compared between two short transactions, so that no connection is held. A hash with
 * outdated parameters is replaced.
 *
 * @throws Unavailable `throttled` or `overloaded`
 */
export async function checkCredentials(
  dependencies: Dependencies,
  request: AccountRequest,
  settings: AccountSettings,
  { login, password }: { login: string; password: string },
): Promise<Account | null> {
  const { THROTTLE_LOGIN: rate, LOGIN_FIELD: field } = settings;
  const { account, folded } = await read(dependencies, request, async (tx) => ({
    folded: await foldLoginName(tx, login),
    account: await findAccountBy(tx, field, login),
  }));
  const attempt = {
    tenant: request.tenant.id,
    account: account ? countedAs(account) : `name ${folded}`,
    address: request.address,
  };
  await dependencies.throttle.consume('login', rate, attempt);
  const matches = await dependencies.passwords.matches(
    request.tenant.id,
    password,
    account?.password ?? null,
  );
  if (!account || !matches || !account.is_active) {
    return null;
  }
  await dependencies.throttle.reset('login', rate, attempt);
  if (!dependencies.passwords.isOutdated(account.password)) {
    return account;
  }
  const to = await dependencies.passwords.hash(request.tenant.id, password);
  const isSaved = await write(dependencies, request, (tx) =>
    rehashPassword(tx, { id: account.id, from: account.password, to }),
  );
  return isSaved ? { ...account, password: to } : account;
}

/**
 * Checks the user's current password before a change that cannot be undone. Counted as a login
 * attempt: a stolen token must not allow guessing the password.
 *
 * @throws ValidationFailed on `current_password`
 * @throws Unavailable `throttled` or `overloaded`
 */
export async function assertCurrentPassword(
  { passwords, throttle }: Omit<Dependencies, 'tenantDatabase'>,
  request: AccountRequest,
  { THROTTLE_LOGIN: rate }: AccountSettings,
  { account, given }: { account: Account; given: string },
): Promise<void> {
  const attempt = { tenant: request.tenant.id, account: countedAs(account), address: request.address };
  await throttle.consume('login', rate, attempt);
  if (!(await passwords.matches(request.tenant.id, given, account.password))) {
    throw new ValidationFailed({ current_password: ['Invalid password.'] });
  }
  await throttle.reset('login', rate, attempt);
}

/**
 * Checks a new password.
 *
 * @throws ValidationFailed on `field`, with every violated rule
 */
export async function assertGoodPassword(
  field: 'password' | 'new_password',
  password: string,
  personal: Personal,
): Promise<void> {
  const faults = await passwordFaults(password, personal);
  if (faults.length > 0) {
    throw new ValidationFailed({ [field]: faults });
  }
}
