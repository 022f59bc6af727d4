import { DomainError } from '../../errors.ts';
import type { AppSecrets } from '../../tenancy/signing-key.ts';
import type { Tenant } from '../../tenancy/tenant.ts';
import { type Gate, withTenant } from '../../tenancy/with-tenant.ts';
import { passwordMatches } from './password.ts';
import { findCredentials, insertRefreshToken } from './queries.ts';
import { createTokenPair, type Lifetimes } from './tokens.ts';

/**
 * A pair of tokens for a user name and a password.
 *
 * Two short transactions with the slow hash between them, so that it holds no
 * connection. An unknown name, a wrong password and an inactive user are one
 * answer, in body and in time.
 *
 * @throws DomainError `no_active_account`
 */
export async function logIn(
  { gate, secrets, lifetimes }: { gate: Gate; secrets: AppSecrets; lifetimes: Lifetimes },
  tenant: Tenant,
  { username, password }: { username: string; password: string },
): Promise<{ access: string; refresh: string }> {
  const refused = new DomainError('no_active_account', 'No active account found with the given credentials');

  const user = await withTenant(gate, { tenant: tenant.id, readOnly: true }, (tx) =>
    findCredentials(tx, username),
  );
  const matches = await passwordMatches(password, user?.password ?? null);
  if (!user || !matches || !user.is_active) {
    throw refused;
  }

  const { access, refresh, refreshId: id, family } = createTokenPair(secrets, tenant, user, lifetimes);
  const kept = await withTenant(gate, { tenant: tenant.id, readOnly: false }, (tx) =>
    insertRefreshToken(tx, { id, family, user, lifetime: lifetimes.refresh }),
  );
  if (!kept) {
    throw refused;
  }
  return { access, refresh };
}
