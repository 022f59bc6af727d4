import { DomainError } from '../../errors.ts';
import type { TenantId } from '../registry/tenant.ts';
import { flushEntry, type TenantDatabase, withTenant } from './with-tenant.ts';

/** Nobody's: a proof for it is checked, and then there is no such tenant. */
const NOBODY = '00000000-0000-4000-8000-000000000000' as TenantId;

/**
 * Tries to enter a tenant that does not exist: a key that the database does not
 * know would make every request a 500, and is refused first.
 *
 * @throws DomainError `precondition_failed`
 */
export async function assertProofKnown(tenantDatabase: TenantDatabase): Promise<void> {
  await withTenant(tenantDatabase, { tenant: NOBODY, readOnly: true }, flushEntry).catch(
    (error: { code?: string }) => {
      if (error.code === 'KT001') {
        return;
      }
      throw error.code === 'KT002'
        ? new DomainError(
            'precondition_failed',
            `The database does not know the key "${tenantDatabase.key.id}" of TENANCY_KEYS: run \`make migrate\` with these keys.`,
          )
        : error;
    },
  );
}
