import { assertMigrated, assertServed } from '../open-statuses.ts';
import type { AppMiddleware } from '../state.ts';

/**
 * Turns away who is not served now, by what the directory remembers: the
 * database says it again when the transaction is entered.
 */
export function requireServedTenant({
  expected,
  whileUnpaid,
}: {
  expected: Readonly<{ tenant: string; site: string }>;
  whileUnpaid: boolean;
}): AppMiddleware {
  return async function requireServedTenant(ctx, next) {
    const { tenant } = ctx.state;
    assertMigrated(tenant, tenant.isSite ? expected.site : expected.tenant);
    assertServed(tenant, { whileUnpaid });
    await next();
  };
}
