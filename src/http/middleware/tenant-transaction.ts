import type { TenantDatabase } from '../../tenancy/context/with-tenant.ts';
import { enterTenant, queryTenant, recheckTenant } from '../enter-tenant.ts';
import type { ExportLimiter } from '../export/limit-exports.ts';
import type { AppMiddleware, RunExport, RunSingle, State } from '../state.ts';

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Opens the tenant's transaction for the following middleware, as `ctx.state.tx`: after
 * authentication and the body, committed before the response is sent. GET and HEAD are read-only,
 * so that a write in a read request fails.
 *
 * For a handler made by `single` or `exportRows` it opens none, and sets `ctx.state.runSingle` and `runExport`.
 */
export function tenantTransaction({
  tenantDatabase,
  whileUnpaid = false,
  exportLimiter,
}: {
  tenantDatabase: TenantDatabase;
  whileUnpaid?: boolean;
  /** Shared by all stacks. Default: exports are not limited. */
  exportLimiter?: ExportLimiter;
}): AppMiddleware {
  const runExportOf =
    (state: State): RunExport =>
    async (work) => {
      const leave = exportLimiter?.enter(state.tenant.id);
      try {
        return await enterTenant(tenantDatabase, state, { readOnly: true, whileUnpaid }, (tx) =>
          work(tx, () => recheckTenant(tx, state, { whileUnpaid })),
        );
      } finally {
        leave?.();
      }
    };
  return function tenantTransaction(ctx, next) {
    const readOnly = READING.has(ctx.method);
    if (ctx.state.isSingle) {
      // A constant first: V8 creates a function that is directly assigned to a property in its old space, where it keeps
      // the whole request until a full garbage collection.
      const runSingle: RunSingle = (build) =>
        queryTenant(tenantDatabase, ctx.state, { readOnly, whileUnpaid }, build);
      ctx.state.runSingle = runSingle;
      if (ctx.state.produces) {
        ctx.state.runExport = runExportOf(ctx.state as State);
      }
      return next();
    }
    return enterTenant(tenantDatabase, ctx.state, { readOnly, whileUnpaid }, async (tx) => {
      ctx.state.tx = tx;
      await next();
    });
  };
}
