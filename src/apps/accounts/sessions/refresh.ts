import { randomUUID } from 'node:crypto';

import { ApiError } from '../../../errors.ts';
import type { TenantTransaction } from '../../../tenancy/context/with-tenant.ts';
import { type AccountDependencies, type AccountRequest, write } from '../dependencies.ts';
import type { AccountSettings } from '../settings.ts';
import { createPair, type TokenPair } from './open-session.ts';
import { findUnused, type LockedRefreshToken, lockRefreshToken, rotate } from './refresh-token-queries.ts';
import { deleteFamily, touchSession } from './session-queries.ts';
import { createAccessToken, createRefreshToken, invalidToken, readTokenOf } from './tokens.ts';

type Outcome = Readonly<{ pair: Omit<TokenPair, 'refresh'> & { refresh: string | null } }> | ApiError;

/** Returns seconds since 1970. */
const now = (): number => Math.floor(Date.now() / 1000);

/**
 * Returns a new access token and, if refresh tokens rotate, exchanges the refresh token for its successor.
 *
 * Within ten seconds an exchanged token returns the same successor again (two tabs of one
 * browser), unless the successor was used. Otherwise the token was copied: the session ends for
 * both clients.
 *
 * `refresh` is null if refresh tokens do not rotate.
 *
 * @throws ApiError `token_not_valid`, `no_active_account` or `password_changed`
 */
export async function refresh(
  dependencies: Pick<AccountDependencies, 'tenantDatabase' | 'secrets'>,
  request: AccountRequest,
  settings: AccountSettings,
  { token, rotates }: { token: string; rotates: boolean },
): Promise<{ access: string; refresh: string | null; family: string }> {
  const { jti, ver } = readTokenOf('refresh', dependencies.secrets, request.tenant, token, settings.LEEWAY);
  // A rejection is returned as a value, so that the end of the session is committed.
  const outcome = await write(dependencies, request, async (tx): Promise<Outcome> => {
    const held = await lockRefreshToken(tx, jti);
    return held
      ? exchange(tx, dependencies, request, settings, { id: jti, ver, held, rotates })
      : invalidToken('Token is blacklisted');
  });
  if (outcome instanceof ApiError) {
    throw outcome;
  }
  return outcome.pair;
}

async function exchange(
  tx: TenantTransaction,
  { secrets }: Pick<AccountDependencies, 'secrets'>,
  { tenant }: AccountRequest,
  settings: AccountSettings,
  { id, ver, held, rotates }: { id: string; ver: number; held: LockedRefreshToken; rotates: boolean },
): Promise<Outcome> {
  const { family, actor } = held;
  if (!held.is_active) {
    return new ApiError('no_active_account', 'No active account found for the given token.');
  }
  if (held.token_version !== ver) {
    return new ApiError('password_changed', "The user's password has been changed.");
  }
  const holder = { user: { id: held.user_id, token_version: held.token_version }, family, actor };
  const access = (): string => {
    const issued = now();
    return createAccessToken(secrets, tenant, holder, {
      issued,
      expires: issued + settings.ACCESS_TOKEN_LIFETIME,
    });
  };

  if (held.rotated) {
    const unused = held.fresh && held.successor ? await findUnused(tx, held.successor) : null;
    if (!unused || !held.successor) {
      await deleteFamily(tx, family);
      return invalidToken('Token is blacklisted');
    }
    const sameToken = createRefreshToken(secrets, tenant, holder, { id: held.successor, ...unused });
    return { pair: { access: access(), refresh: sameToken, family } };
  }
  if (!rotates) {
    await touchSession(tx, family);
    return { pair: { access: access(), refresh: null, family } };
  }
  const successor = randomUUID();
  const pair = await createPair(tx, secrets, tenant, settings, holder, successor);
  if (settings.BLACKLIST_AFTER_ROTATION) {
    await rotate(tx, id, successor);
  }
  return { pair };
}
