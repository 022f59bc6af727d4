import type { RequiredMigrations } from '../../tenancy/registry/project.ts';
import { assertMigrated, assertServed } from '../open-statuses.ts';
import { describeMiddleware } from '../openapi/description.ts';
import type { AppMiddleware } from '../state.ts';

/**
 * Rejects tenants that are not served, by the cached directory. The database checks the status
 * again when the transaction is entered.
 */
export function requireServedTenant({
  expected,
  whileUnpaid,
}: {
  expected: RequiredMigrations;
  whileUnpaid: boolean;
}): AppMiddleware {
  return describeMiddleware(
    { errors: whileUnpaid ? ['tenant_maintenance'] : ['payment_required', 'tenant_maintenance'] },
    function requireServedTenant(ctx, next) {
      const { tenant } = ctx.state;
      assertMigrated(tenant, tenant.isSite ? expected.site : expected.tenant);
      assertServed(tenant, { whileUnpaid });
      return next();
    },
  );
}
