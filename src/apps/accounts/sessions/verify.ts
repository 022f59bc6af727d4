import { ValidationFailed } from '../../../errors.ts';
import { TokenNotValid } from '../../../http/token-not-valid.ts';
import { flushEntry, withTenant } from '../../../tenancy/context/with-tenant.ts';
import type { AccountDependencies, AccountRequest } from '../dependencies.ts';
import type { AccountSettings } from '../settings.ts';
import { userGuard } from './guards.ts';
import { findUnused } from './refresh-token-queries.ts';
import { invalidToken, readToken } from './tokens.ts';

/**
 * Checks a token of any type, as SimpleJWT does, but with the checks that its use would require.
 *
 * @throws ApiError `token_not_valid`, or the error of the guard
 * @throws ValidationFailed for a refresh token that was exchanged or whose session has ended
 */
export async function verify(
  { tenantDatabase, secrets }: Pick<AccountDependencies, 'tenantDatabase' | 'secrets'>,
  { tenant, limits, use }: Pick<AccountRequest, 'tenant' | 'limits' | 'use'>,
  settings: AccountSettings,
  token: string,
): Promise<void> {
  const claims = readToken(secrets, tenant, token, settings.LEEWAY);
  if (claims.token_type === 'impersonation') {
    throw invalidToken('Token has wrong type');
  }
  const guard = userGuard(
    { userId: claims.user_id, version: claims.ver, family: claims.fam, actor: claims.act?.sub ?? null },
    () => {},
  );
  const entering = { tenant: tenant.id, readOnly: true, guards: [guard], limits, watch: use?.watch };
  await withTenant(tenantDatabase, entering, async (tx) => {
    if (claims.token_type === 'access') {
      await flushEntry(tx);
    } else if (!(await findUnused(tx, claims.jti))) {
      throw new TokenNotValid('Token is blacklisted');
    }
  }).catch((error: unknown) => {
    if (!(error instanceof TokenNotValid)) {
      throw error;
    }
    // The token is in the body, so the message must not name the header. SimpleJWT reports a blacklisted refresh
    // token as a fault of the body.
    throw claims.token_type === 'refresh'
      ? new ValidationFailed({ non_field_errors: [error.reason] })
      : invalidToken(error.reason);
  });
}
