import type { TenantDatabase } from '../../tenancy/context/with-tenant.ts';
import { enterTenant, queryTenant } from '../enter-tenant.ts';
import type { AppMiddleware } from '../state.ts';

/**
 * Opens the tenant's transaction for the following middleware, as `ctx.state.tx`: after
 * authentication and the body, committed before the response is sent. GET and HEAD are read-only,
 * so that a write in a read request fails.
 *
 * For a handler made by `single` it opens none, and sets `ctx.state.runSingle`.
 */
export function tenantTransaction({
  tenantDatabase,
  whileUnpaid = false,
}: {
  tenantDatabase: TenantDatabase;
  whileUnpaid?: boolean;
}): AppMiddleware {
  return function tenantTransaction(ctx, next) {
    const readOnly = ['GET', 'HEAD', 'OPTIONS'].includes(ctx.method);
    if (ctx.state.isSingle) {
      ctx.state.runSingle = (build) =>
        queryTenant(tenantDatabase, ctx.state, { readOnly, whileUnpaid }, build);
      return next();
    }
    return enterTenant(tenantDatabase, ctx.state, { readOnly, whileUnpaid }, async (tx) => {
      ctx.state.tx = tx;
      await next();
    });
  };
}
