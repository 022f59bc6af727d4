import { ApiError } from '../../../errors.ts';
import { notFound } from '../../../http/identifier.ts';
import type { Caller } from '../../../http/state.ts';
import type { TenantTransaction } from '../../../tenancy/context/with-tenant.ts';
import type { AccountSettings } from '../settings.ts';
import { type Account, findAccount } from '../users/account-queries.ts';

/**
 * Returns the caller and the account that a request is about.
 *
 * Only staff may access other users. For other callers the account does not exist or, if users are
 * not hidden, access is denied. Staff cannot change a superuser: changing an account's address
 * makes it possible to take it over.
 *
 * @throws ApiError `not_found` or `permission_denied`
 */
export async function loadTargetAccount(
  tx: TenantTransaction,
  { userId }: Pick<Caller, 'userId'>,
  { HIDE_USERS: hidden }: Pick<AccountSettings, 'HIDE_USERS'>,
  { id, changes }: { id: string; changes: boolean },
): Promise<{ caller: Account; target: Account }> {
  const caller = await findAccount(tx, userId);
  if (!caller) {
    throw notFound();
  }
  if (id === userId) {
    return { caller, target: caller };
  }
  const target = caller.is_staff || !hidden ? await findAccount(tx, id) : null;
  if (!target) {
    throw notFound();
  }
  if (!caller.is_staff || (changes && target.is_superuser && !caller.is_superuser)) {
    throw new ApiError('permission_denied', 'You do not have permission to perform this action.');
  }
  return { caller, target };
}
