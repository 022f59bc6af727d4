import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { insideAsOwner } from '../context/with-owner-tenant.ts';
import { kindOf } from '../migrations/migrate-tenant.ts';
import { MAIN } from '../registry/databases.ts';
import type { TenancyProject, TenantHooks } from '../registry/project.ts';
import { type Tenant, type TenantIdentity, tenantIdentity } from '../registry/tenant.ts';

/**
 * Calls a hook of every app whose tables the tenant has, in the project's order, inside the tenant and
 * in the transaction of `client`. Afterwards the transaction no longer has the
 * role and the path of the tenant.
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

/**
 * Calls the hooks `onDeleted` of a tenant that is being deleted. In the main database they run in the transaction of
 * `client`. In another database they run in a transaction of that database, which is committed before that of `client`.
 * If the deletion then fails, repeating it calls them again.
 *
 * @param owner the tenant's own database
 */
export async function runDeletionHooks(
  client: pg.ClientBase,
  owner: pg.ClientConfig,
  project: Pick<TenancyProject, 'apps'>,
  tenant: TenantIdentity & Pick<Tenant, 'database'>,
): Promise<void> {
  await (tenant.database === MAIN
    ? runHooks(client, project, 'onDeleted', tenant)
    : withAdminConnection(owner, (own) => runHooks(own, project, 'onDeleted', tenant)));
}
