import { ApiError, ValidationFailed } from '../../../errors.ts';
import type { TenantTransaction } from '../../../tenancy/context/with-tenant.ts';
import { tenantKeys } from '../../../tenancy/registry/signing-key.ts';
import type { AccountDependencies, AccountRequest } from '../dependencies.ts';
import type { AccountSettings } from '../settings.ts';
import { type Account, findAccount, lockAccount } from '../users/account-queries.ts';
import { isLinkToken, type Purpose, readUid } from './link-token.ts';

export type Link = Readonly<{ uid: string; token: string }>;

/**
 * Returns the user of a link, if nothing that the link depends on has changed.
 *
 * `hold` locks the user while something is changed: a link is followed once.
 *
 * @throws ValidationFailed on `uid` or `token`, with Djoser's messages
 * @throws ApiError `permission_denied` for an activation of an active user
 */
export async function followLink(
  tx: TenantTransaction,
  { secrets }: Pick<AccountDependencies, 'secrets'>,
  { tenant }: Pick<AccountRequest, 'tenant'>,
  { PASSWORD_RESET_TIMEOUT: timeout }: AccountSettings,
  { uid, token, purpose, hold = true }: Link & { purpose: Purpose; hold?: boolean },
): Promise<Account> {
  const keys = tenantKeys(secrets, tenant, 'link');
  const id = readUid(keys, uid);
  const account = id === null ? null : await (hold ? lockAccount : findAccount)(tx, id);
  if (!account) {
    throw new ValidationFailed({ uid: ["Invalid user id or user doesn't exist."] });
  }
  if (isLinkToken(keys, token, { purpose, account, timeout })) {
    return account;
  }
  // Checks the state before the first activation, which changed only these two.
  const before: Account = { ...account, is_active: false, awaits_activation: true };
  if (
    purpose === 'activation' &&
    account.is_active &&
    isLinkToken(keys, token, { purpose, account: before, timeout })
  ) {
    throw new ApiError('permission_denied', 'Stale token for given user.');
  }
  throw new ValidationFailed({ token: ['Invalid token for given user.'] });
}
