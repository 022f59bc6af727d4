import { type Authentication, optionalAuth, requireBrowser, requireCaller } from '../http/authentication.ts';
import { parseBody } from '../http/body/parse-body.ts';
import { createExportLimiter } from '../http/export/limit-exports.ts';
import { acceptJson } from '../http/middleware/accept-json.ts';
import { limitResponse } from '../http/middleware/limit-response.ts';
import { limitTenant } from '../http/middleware/limit-tenant.ts';
import { requireServedTenant } from '../http/middleware/require-served-tenant.ts';
import { tenantTransaction } from '../http/middleware/tenant-transaction.ts';
import type { MiddlewareStack, MiddlewareStacks } from '../http/middleware-stacks.ts';
import type { RequestLimit } from '../http/rate-limit/request-limit.ts';
import type { SettingsOf } from '../tenancy/context/settings-of.ts';
import type { TenantDatabase } from '../tenancy/context/with-tenant.ts';
import type { RequiredMigrations } from '../tenancy/registry/project.ts';
import type { TenantId } from '../tenancy/registry/tenant.ts';

export type StackDependencies = Readonly<{
  tenantDatabase: TenantDatabase;
  settingsOf: SettingsOf;
  authentication: Authentication;
  /** The migrations that this code requires. */
  expected: RequiredMigrations;
  requestLimit: RequestLimit;
  /** Called with the name of the limit when a request is rejected. */
  onLimit: (limit: 'requests' | 'response_bytes') => void;
  shardOf: (tenant: TenantId) => string;
  /** Maximum number of exports at the same time on the connections of a pool shard. */
  exportsPerShard: number;
}>;

/** Creates the middleware stacks that routes choose from. */
export function createStacks(deps: StackDependencies): MiddlewareStacks {
  const { tenantDatabase, authentication, settingsOf, expected } = deps;
  const required = requireCaller(authentication);
  const optional = optionalAuth(authentication);
  const browser = requireBrowser(authentication);
  const sized = limitResponse({ onHit: () => deps.onLimit('response_bytes') });

  const exportLimiter = createExportLimiter({ shardOf: deps.shardOf, perShard: deps.exportsPerShard });
  const stack = (whileUnpaid: boolean): MiddlewareStack => {
    const page = [
      requireServedTenant({ expected, whileUnpaid }),
      limitTenant({ settingsOf, requests: deps.requestLimit, onHit: () => deps.onLimit('requests') }),
    ];
    const served = [acceptJson(), ...page];
    const transaction = tenantTransaction({ tenantDatabase, whileUnpaid, exportLimiter });
    return {
      page: [...page, parseBody({ open: true }), sized],
      browser: [...page, browser, parseBody(), transaction, sized],
      open: [...served, parseBody({ open: true }), sized],
      optionalAuth: [...served, optional, parseBody({ open: true }), sized],
      identified: [...served, required, parseBody(), sized],
      authenticated: [...served, required, parseBody(), transaction, sized],
    };
  };
  return { paid: stack(false), always: stack(true) };
}
