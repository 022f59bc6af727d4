import { randomUUID } from 'node:crypto';
import type { TenantTransaction } from '../../../tenancy/context/with-tenant.ts';
import type { AppSecrets } from '../../../tenancy/registry/signing-key.ts';
import type { AccountRequest } from '../dependencies.ts';
import type { AccountSettings } from '../settings.ts';
import { insertRefreshToken } from './refresh-token-queries.ts';
import { insertSession } from './session-queries.ts';
import { createAccessToken, createRefreshToken, type Holder } from './tokens.ts';

export type TokenPair = Readonly<{ access: string; refresh: string; family: string }>;

/**
 * Opens a session and creates its first pair of tokens. Returns null when the user was
 * deactivated, or changed the password, since the check.
 */
export async function openSession(
  tx: TenantTransaction,
  secrets: AppSecrets,
  { tenant, userAgent }: Pick<AccountRequest, 'tenant' | 'userAgent'>,
  settings: AccountSettings,
  { user, actor }: Omit<Holder, 'family'>,
): Promise<TokenPair | null> {
  const family = randomUUID();
  const holder: Holder = { user, family, actor };
  const lifetime = settings.REFRESH_TOKEN_LIFETIME;
  if (!(await insertSession(tx, { user, family, userAgent, actor, lifetime }))) {
    return null;
  }
  return createPair(tx, secrets, tenant, settings, holder);
}

/** Creates the next pair of a session: a stored refresh token and an access token. */
export async function createPair(
  tx: TenantTransaction,
  secrets: AppSecrets,
  tenant: AccountRequest['tenant'],
  settings: AccountSettings,
  holder: Holder,
  id: string = randomUUID(),
): Promise<TokenPair> {
  const { family } = holder;
  const times = await insertRefreshToken(tx, { id, family, lifetime: settings.REFRESH_TOKEN_LIFETIME });
  return {
    access: createAccessToken(secrets, tenant, holder, {
      issued: times.issued,
      expires: times.issued + settings.ACCESS_TOKEN_LIFETIME,
    }),
    refresh: createRefreshToken(secrets, tenant, holder, { id, ...times }),
    family,
  };
}
