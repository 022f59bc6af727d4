import type { ApiError } from '../../../errors.ts';
import { type AccountDependencies, type AccountRequest, write } from '../dependencies.ts';
import { assertNotImpersonating } from '../impersonation/impersonate.ts';
import type { AccountSettings } from '../settings.ts';
import { lockRefreshToken } from './refresh-token-queries.ts';
import { deleteFamily, deleteSessions } from './session-queries.ts';
import { invalidToken, readTokenOf } from './tokens.ts';

/**
 * Ends the session of a refresh token, with its access tokens and all earlier refresh tokens.
 * `everywhere` ends all sessions of its user, including keys.
 *
 * A token that was already exchanged ends its session only, like the newest one.
 *
 * @throws ApiError `token_not_valid`, or `permission_denied` for an operator who would end the
 *   user's own
 */
export async function logOut(
  { tenantDatabase, secrets }: Pick<AccountDependencies, 'tenantDatabase' | 'secrets'>,
  request: AccountRequest,
  { LEEWAY }: AccountSettings,
  token: string,
  { everywhere }: { everywhere: boolean },
): Promise<void> {
  const { jti } = readTokenOf('refresh', secrets, request.tenant, token, LEEWAY);
  const rejection = await write({ tenantDatabase }, request, async (tx): Promise<ApiError | null> => {
    const held = await lockRefreshToken(tx, jti);
    if (!held) {
      return invalidToken('Token is blacklisted');
    }
    if (!everywhere) {
      await deleteFamily(tx, held.family);
      return null;
    }
    if (held.rotated) {
      await deleteFamily(tx, held.family);
      return invalidToken('Token is blacklisted');
    }
    assertNotImpersonating({ actor: held.actor });
    await deleteSessions(tx, held.user_id, { keys: true });
    return null;
  });
  if (rejection) {
    throw rejection;
  }
}
