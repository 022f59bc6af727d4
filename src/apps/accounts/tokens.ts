import { randomUUID } from 'node:crypto';
import jwt from 'jsonwebtoken';

import { type AppSecrets, issuerOf, signingKeys } from '../../tenancy/signing-key.ts';
import type { Tenant } from '../../tenancy/tenant.ts';

/** Seconds. */
export type Lifetimes = Readonly<{ access: number; refresh: number }>;

export type TokenPair = Readonly<{ access: string; refresh: string; refreshId: string; family: string }>;

/**
 * A pair of tokens for one user of one tenant, the refresh token the first of
 * its family. Claims are SimpleJWT's, with `iss`, `aud`, `ver` and `fam` beside.
 */
export function createTokenPair(
  secrets: AppSecrets,
  tenant: Tenant,
  user: Readonly<{ id: number; token_version: number }>,
  lifetimes: Lifetimes,
): TokenPair {
  const [key] = signingKeys(secrets, tenant);
  const refreshId = randomUUID();
  const family = randomUUID();
  const sign = (claims: Record<string, unknown>, expiresIn: number, jwtid: string): string =>
    jwt.sign({ ...claims, user_id: String(user.id), ver: user.token_version }, key, {
      algorithm: 'HS256',
      audience: tenant.id,
      issuer: issuerOf(tenant),
      keyid: String(tenant.keyGeneration),
      jwtid,
      expiresIn,
    });
  return {
    access: sign({ token_type: 'access' }, lifetimes.access, randomUUID()),
    refresh: sign({ token_type: 'refresh', fam: family }, lifetimes.refresh, refreshId),
    refreshId,
    family,
  };
}
