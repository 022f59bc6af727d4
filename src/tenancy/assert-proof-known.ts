import { DomainError } from '../errors.ts';
import type { Tenant } from './tenant.ts';
import { type Gate, settle, withTenant } from './with-tenant.ts';

/**
 * Enters the public site once: a key that the database does not know would make
 * every request a 500. Without a public site there is nothing to try it on.
 *
 * @throws DomainError `precondition_failed`
 */
export async function assertProofKnown(gate: Gate, site: Tenant | null): Promise<void> {
  if (!site) {
    return;
  }
  await withTenant(gate, { tenant: site.id, readOnly: true }, settle).catch((error: { code?: string }) => {
    throw error.code === 'KT002'
      ? new DomainError(
          'precondition_failed',
          `The database does not know the key "${gate.key.id}" of TENANCY_KEYS: run \`make migrate\` with these keys.`,
        )
      : error;
  });
}
