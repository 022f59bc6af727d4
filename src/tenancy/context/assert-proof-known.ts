import { TENANCY_SQLSTATE } from '../../db/sqlstate.ts';
import { OperatorError } from '../../errors.ts';
import type { TenantId } from '../registry/tenant.ts';
import { flushEntry, type TenantDatabase, withTenant } from './with-tenant.ts';

/**
 * An id that no tenant has. The database checks the proof for it, and then reports that the tenant
 * does not exist.
 */
const UNKNOWN_TENANT = '00000000-0000-4000-8000-000000000000' as TenantId;

/**
 * Checks that the database knows the proof key, by entering a tenant that does not exist. With an
 * unknown key every request would fail with status 500.
 *
 * @throws OperatorError `precondition_failed`
 */
export async function assertProofKnown(tenantDatabase: TenantDatabase): Promise<void> {
  await withTenant(tenantDatabase, { tenant: UNKNOWN_TENANT, readOnly: true }, flushEntry).catch(
    (error: { code?: string }) => {
      if (error.code === TENANCY_SQLSTATE.NO_SUCH_TENANT) {
        return;
      }
      throw error.code === TENANCY_SQLSTATE.PROOF_REJECTED
        ? new OperatorError(
            'precondition_failed',
            `The database does not know the key "${tenantDatabase.key.id}" of TENANCY_KEYS. Run \`tenants migrate\` with these keys.`,
          )
        : error;
    },
  );
}
