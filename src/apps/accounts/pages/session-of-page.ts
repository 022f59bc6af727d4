import { sql } from 'slonik';

import { ApiError } from '../../../errors.ts';
import type { Context } from '../../../http/state.ts';
import { accountRequestOf } from '../account-request.ts';
import { type AccountDependencies, read } from '../dependencies.ts';
import { readRefreshCookie } from '../sessions/cookies.ts';
import { readTokenOf } from '../sessions/tokens.ts';
import type { AccountSettings } from '../settings.ts';
import { ACCOUNT_COLUMNS, type Account, account } from '../users/account-queries.ts';

/** The session of a page: the refresh token of the cookie, its user, and the operator who acts for the user. */
export type PageSession = Readonly<{ token: string; account: Account; actor: string | null }>;

/**
 * Returns the session of the browser's cookie, or null. The token is not exchanged: a page may be opened in several tabs
 * at the same time.
 */
export async function sessionOfPage(
  ctx: Context,
  dependencies: Pick<AccountDependencies, 'tenantDatabase' | 'secrets'>,
  settings: AccountSettings,
): Promise<PageSession | null> {
  const token = readRefreshCookie(ctx);
  if (token === undefined) {
    return null;
  }
  try {
    const { jti, ver, act } = readTokenOf(
      'refresh',
      dependencies.secrets,
      ctx.state.tenant,
      token,
      settings.LEEWAY,
    );
    const found = await read(dependencies, accountRequestOf(ctx), (tx) =>
      tx.maybeOne(sql.type(account)`
        select ${ACCOUNT_COLUMNS}
        from users
        where id = (
            select s.user_id
            from sessions as s
            join refresh_tokens as r on r.family = s.family
            where r.id = ${jti}::uuid
              and r.rotated_at is null
              and r.expires_at > now()
              and s.expires_at > now()
          )
          and is_active
          and token_version = ${ver}
      `),
    );
    return found && { token, account: found, actor: act?.sub ?? null };
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      return null;
    }
    throw error;
  }
}
