import type pg from 'pg';

import { enterAsOwner } from '../context/with-owner-tenant.ts';
import { kindOf, LEAVE } from '../migrations/migrate-tenant.ts';
import type { TenancyProject, TenantHooks } from '../registry/project.ts';
import type { TenantIdentity } from '../registry/tenant.ts';

/**
 * Calls a hook of every app whose tables the tenant has, in the project's order, inside the tenant and
 * in the transaction of `client`. The tenant's role and path are left afterwards.
 */
export async function runHooks(
  client: pg.ClientBase,
  { apps }: TenancyProject,
  name: keyof TenantHooks,
  tenant: TenantIdentity,
): Promise<void> {
  for (const { on, hooks } of apps) {
    const hook = hooks[name];
    if (hook && on.includes(kindOf(tenant.schema))) {
      await enterAsOwner(client, tenant.schema);
      await hook(client, tenant);
      await client.query(LEAVE);
    }
  }
}
