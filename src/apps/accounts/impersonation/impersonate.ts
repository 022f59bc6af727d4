import { ApiError } from '../../../errors.ts';
import type { Caller } from '../../../http/state.ts';
import { withTenant } from '../../../tenancy/context/with-tenant.ts';
import { insertImpersonation, isIssued, issuedId } from '../audit-queries.ts';
import { type AccountDependencies, type AccountRequest, write } from '../dependencies.ts';
import { openSession, type TokenPair } from '../sessions/open-session.ts';
import { invalidToken, readTokenOf } from '../sessions/tokens.ts';
import type { AccountSettings } from '../settings.ts';
import { findAccountBy } from '../users/account-queries.ts';

/**
 * Opens a session in which an operator acts for a user. It lasts one hour at most and is marked in
 * its tokens, in the log and in the tenant's audit events.
 *
 * Only tokens that the public site has recorded are accepted. The token is used up also when the
 * user does not exist.
 *
 * @throws ApiError `token_not_valid` or `no_active_account`
 */
export async function impersonate(
  dependencies: Pick<AccountDependencies, 'tenantDatabase' | 'secrets' | 'findSite'>,
  request: AccountRequest,
  settings: AccountSettings,
  token: string,
): Promise<TokenPair> {
  const claims = readTokenOf('impersonation', dependencies.secrets, request.tenant, token, 0);
  const actor = claims.act.sub;
  // The signature is not enough: the key of one tenant, or a leaked APP_SECRET, must not create operators. The
  // public site has a record of each token that it issued.
  const site = await dependencies.findSite();
  const issued =
    site?.isSite === true &&
    (await withTenant(dependencies.tenantDatabase, { tenant: site.id, readOnly: true }, (tx) =>
      isIssued(tx, { token, actor }),
    ));
  if (!issued) {
    throw invalidToken('Token is invalid');
  }
  const outcome = await write(dependencies, request, async (tx): Promise<TokenPair | ApiError> => {
    const account = await findAccountBy(tx, 'username', claims.sub);
    if (!(await insertImpersonation(tx, { actor, userId: account?.id ?? null, tokenId: issuedId(token) }))) {
      return invalidToken('Token is blacklisted');
    }
    const pair =
      account && (await openSession(tx, dependencies.secrets, request, settings, { user: account, actor }));
    return pair ?? new ApiError('no_active_account', 'No active account found for the given token.');
  });
  if (outcome instanceof ApiError) {
    throw outcome;
  }
  return outcome;
}

/**
 * Rejects changes of an account by an operator who acts for its user.
 *
 * @throws ApiError `permission_denied`
 */
export function assertNotImpersonating(caller: Pick<Caller, 'actor'> | undefined): void {
  if (caller && caller.actor !== null) {
    throw new ApiError('permission_denied', 'An operator who acts for a user cannot change the account.');
  }
}
