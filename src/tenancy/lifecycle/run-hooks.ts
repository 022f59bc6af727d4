import type pg from 'pg';

import { insideAsOwner } from '../context/with-owner-tenant.ts';
import { kindOf } from '../migrations/migrate-tenant.ts';
import type { TenancyProject, TenantHooks } from '../registry/project.ts';
import { type TenantIdentity, tenantIdentity } from '../registry/tenant.ts';

/**
 * Calls a hook of every app whose tables the tenant has, in the project's order, inside the tenant and
 * in the transaction of `client`. The tenant's role and path are left afterwards.
 *
 * @param rest further arguments of the hook
 */
export async function runHooks<Name extends keyof TenantHooks>(
  client: pg.ClientBase,
  { apps }: Pick<TenancyProject, 'apps'>,
  name: Name,
  tenant: TenantIdentity,
  ...rest: Name extends 'onRenamed' ? [before: Readonly<{ schema: string }>] : []
): Promise<void> {
  for (const { on, hooks } of apps) {
    const hook = hooks[name] as ((...args: unknown[]) => Promise<void>) | undefined;
    if (hook && on.includes(kindOf(tenant.schema))) {
      await insideAsOwner(client, tenant, () => hook(client, tenantIdentity.parse(tenant), ...rest));
    }
  }
}
