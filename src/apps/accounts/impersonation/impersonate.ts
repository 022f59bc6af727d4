import { DomainError } from '../../../errors.ts';
import type { Caller } from '../../../http/state.ts';
import { insertImpersonation } from '../audit-queries.ts';
import { type AccountTools, type Asked, write } from '../dependencies.ts';
import { openSession, type TokenPair } from '../sessions/open-session.ts';
import { invalidToken, readTokenOf } from '../sessions/tokens.ts';
import type { AccountSettings } from '../settings.ts';
import { findAccountBy } from '../users/account-queries.ts';

/**
 * Opens a session in which an operator acts for a user: an hour at most, marked
 * in its tokens, in the log and in the tenant's audit events.
 *
 * The token is spent, whether or not there is such a user.
 *
 * @throws DomainError `token_not_valid` or `no_active_account`
 */
export async function impersonate(
  tools: Pick<AccountTools, 'gate' | 'secrets'>,
  asked: Asked,
  settings: AccountSettings,
  token: string,
): Promise<TokenPair> {
  const claims = readTokenOf('impersonation', tools.secrets, asked.tenant, token, 0);
  const actor = claims.act.sub;
  const outcome = await write(tools, asked, async (tx): Promise<TokenPair | DomainError> => {
    const account = await findAccountBy(tx, 'username', claims.sub);
    if (!(await insertImpersonation(tx, { actor, userId: account?.id ?? null, tokenId: claims.jti }))) {
      return invalidToken('Token is blacklisted');
    }
    const pair = account && (await openSession(tx, tools.secrets, asked, settings, { user: account, actor }));
    return pair ?? new DomainError('no_active_account', 'No active account found for the given token.');
  });
  if (outcome instanceof DomainError) {
    throw outcome;
  }
  return outcome;
}

/**
 * An account is changed by its owner only: not by an operator who acts for them.
 *
 * @throws DomainError `permission_denied`
 */
export function assertOwnHand(caller: Pick<Caller, 'actor'> | undefined): void {
  if (caller && caller.actor !== null) {
    throw new DomainError('permission_denied', 'An operator who acts for a user cannot change the account.');
  }
}
