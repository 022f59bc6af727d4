import { beginMaintenance, type Change } from './change-status.ts';
import { chooseDatabase, MAIN } from './databases.ts';
import { type Databases, locateTenant } from './locate-tenant.ts';
import { reconcileRegistry } from './reconcile-registry.ts';
import { drainTenant } from './tenant-lock.ts';

/**
 * Puts a tenant into maintenance in every database. `drained`: whether its requests ended within `blockSeconds`.
 *
 * @throws DomainError `tenant_not_found`, `tenant_status_wrong`
 */
export async function startMaintenance(
  databases: Databases,
  schema: string,
  { retryAfter, blockSeconds }: Readonly<{ retryAfter: number; blockSeconds: number }>,
): Promise<Change & Readonly<{ drained: boolean }>> {
  const { owner } = chooseDatabase(databases, MAIN);
  const placement = await locateTenant(databases, schema);
  const change = await beginMaintenance(owner, schema, retryAfter);
  if (placement.name !== MAIN) {
    await reconcileRegistry(owner, placement.owner, placement.name);
  }
  return { ...change, drained: await drainTenant(placement.owner, change.tenant, blockSeconds) };
}
