import { randomUUID } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { z } from 'zod';

import { ApiError } from '../../../errors.ts';
import type { TokenFault } from '../../../http/token-not-valid.ts';
import { type AppSecrets, issuerOf, signingKeys } from '../../../tenancy/registry/signing-key.ts';
import type { Tenant } from '../../../tenancy/registry/tenant.ts';
import type { Times } from './refresh-token-queries.ts';

type Issuer = Pick<Tenant, 'id' | 'keyGeneration'>;

/** The user and the session of tokens. */
export type Holder = Readonly<{
  user: Readonly<{ id: number; token_version: number }>;
  family: string;
  actor: string | null;
}>;

const sign = (secrets: AppSecrets, tenant: Issuer, claims: Record<string, unknown>): string =>
  jwt.sign({ ...claims, iss: issuerOf(tenant), aud: tenant.id }, signingKeys(secrets, tenant)[0], {
    algorithm: 'HS256',
    keyid: String(tenant.keyGeneration),
  });

const claimsOf = ({ user, family, actor }: Holder) => ({
  user_id: String(user.id),
  ver: user.token_version,
  fam: family,
  ...(actor === null ? {} : { act: { sub: actor } }),
});

/** Creates an access token. Claims are SimpleJWT's, with `iss`, `aud`, `ver`, `fam` and, for an operator, `act`. */
export const createAccessToken = (
  secrets: AppSecrets,
  tenant: Issuer,
  holder: Holder,
  { issued, expires }: Times,
): string =>
  sign(secrets, tenant, {
    token_type: 'access',
    exp: expires,
    iat: issued,
    jti: randomUUID(),
    ...claimsOf(holder),
  });

/** Creates a refresh token. The same ID and times give exactly the same token. */
export const createRefreshToken = (
  secrets: AppSecrets,
  tenant: Issuer,
  holder: Holder,
  { id, issued, expires }: Times & { id: string },
): string =>
  sign(secrets, tenant, {
    token_type: 'refresh',
    exp: expires,
    iat: issued,
    jti: id,
    ...claimsOf(holder),
  });

/** Lifetime in seconds. */
const IMPERSONATION_LIFETIME = 60;

/** Creates a token with which one operator can become one user of one tenant, once, within a minute. */
export const createImpersonationToken = (
  secrets: AppSecrets,
  tenant: Issuer,
  { username, operator }: { username: string; operator: string },
): string => {
  const now = Math.floor(Date.now() / 1000);
  return sign(secrets, tenant, {
    token_type: 'impersonation',
    exp: now + IMPERSONATION_LIFETIME,
    iat: now,
    jti: randomUUID(),
    sub: username,
    act: { sub: operator },
  });
};

const common = { jti: z.uuid(), exp: z.number(), iss: z.string(), aud: z.string() };
const ofUser = {
  user_id: z.string().regex(/^\d{1,18}$/),
  ver: z.number().int(),
  fam: z.uuid(),
  act: z.object({ sub: z.string() }).optional(),
};
const claims = z.discriminatedUnion('token_type', [
  z.object({ token_type: z.literal('access'), ...common, ...ofUser }),
  z.object({ token_type: z.literal('refresh'), ...common, ...ofUser }),
  z.object({
    token_type: z.literal('impersonation'),
    ...common,
    sub: z.string(),
    act: z.object({ sub: z.string() }),
  }),
]);

export type Claims = z.infer<typeof claims>;

/** Returns the error for an invalid token of a body or a cookie. */
export const invalidToken = (reason: TokenFault): ApiError => new ApiError('token_not_valid', reason);

/** Maximum characters of a token. Issued ones have a few hundred. */
const MAX_TOKEN = 4_096;

/**
 * Returns the claims of a token from a body or a cookie. Only tokens of this tenant are accepted.
 *
 * @throws ApiError `token_not_valid`
 */
export function readToken(secrets: AppSecrets, tenant: Issuer, token: string, leeway: number): Claims {
  if (token.length > MAX_TOKEN) {
    throw invalidToken('Token is invalid');
  }
  let expired = false;
  for (const key of signingKeys(secrets, tenant)) {
    try {
      const verified = jwt.verify(token, key, {
        algorithms: ['HS256'],
        clockTolerance: leeway,
        issuer: issuerOf(tenant),
        audience: tenant.id,
      });
      const read = claims.safeParse(verified);
      if (read.success) {
        return read.data;
      }
      throw invalidToken('Token has wrong type');
    } catch (error) {
      if (error instanceof ApiError) {
        throw error;
      }
      expired ||= error instanceof jwt.TokenExpiredError;
    }
  }
  throw invalidToken(expired ? 'Token is expired' : 'Token is invalid');
}

/**
 * Returns the claims of a token of one type.
 *
 * @throws ApiError `token_not_valid`
 */
export function readTokenOf<Type extends Claims['token_type']>(
  type: Type,
  ...args: Parameters<typeof readToken>
): Extract<Claims, { token_type: Type }> {
  const read = readToken(...args);
  if (read.token_type !== type) {
    throw invalidToken('Token has wrong type');
  }
  return read as Extract<Claims, { token_type: Type }>;
}
