import type { TenantDatabase } from '../../tenancy/context/with-tenant.ts';
import { enterTenant } from '../enter-tenant.ts';
import type { AppMiddleware } from '../state.ts';

/**
 * Opens the tenant's transaction around what stands below, and hands it on as
 * `ctx.state.tx`: after authentication and the body, committed before the answer
 * is written. GET and HEAD are read only, so that a write hidden in a read fails
 * loudly.
 */
export function tenantTransaction({
  tenantDatabase,
  whileUnpaid = false,
}: {
  tenantDatabase: TenantDatabase;
  whileUnpaid?: boolean;
}): AppMiddleware {
  return async function tenantTransaction(ctx, next) {
    const readOnly = ctx.method === 'GET' || ctx.method === 'HEAD';
    await enterTenant(tenantDatabase, ctx.state, { readOnly, whileUnpaid }, async (tx) => {
      ctx.state.tx = tx;
      await next();
    });
  };
}
