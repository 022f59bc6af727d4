import { type Change, deleteTenant as changeStatus } from '../registry/change-status.ts';
import { chooseDatabase, MAIN } from '../registry/databases.ts';
import { type Databases, locateTenant } from '../registry/locate-tenant.ts';
import type { TenancyProject } from '../registry/project.ts';
import { reconcileRegistry } from '../registry/reconcile-registry.ts';
import { drainTenant } from '../registry/tenant-lock.ts';
import { purgeTenant, type ShowProgress } from './purge-tenant.ts';
import { runDeletionHooks } from './run-hooks.ts';

/**
 * Deletes a tenant in every database, after the hooks of the apps. Its rows are kept for `keepDays`. `drained`:
 * whether its requests ended within `blockSeconds`.
 *
 * @throws DomainError `tenant_not_found`, `tenant_status_wrong`
 */
export async function deleteTenant(
  databases: Databases,
  project: TenancyProject,
  schema: string,
  { keepDays, blockSeconds }: Readonly<{ keepDays: number; blockSeconds: number }>,
): Promise<Change & Readonly<{ drained: boolean }>> {
  const { owner } = chooseDatabase(databases, MAIN);
  const placement = await locateTenant(databases, schema);
  const change = await changeStatus(owner, schema, keepDays, (client, row) =>
    runDeletionHooks(client, placement.owner, project, row),
  );
  if (placement.name !== MAIN) {
    // That database accepts transactions of the tenant until it has the change.
    await reconcileRegistry(owner, placement.owner, placement.name);
  }
  return { ...change, drained: await drainTenant(placement.owner, change.tenant, blockSeconds) };
}

/**
 * Purges a deleted tenant in its database.
 *
 * @throws DomainError those of `purgeTenant`
 */
export async function purgeDeleted(
  databases: Databases,
  schema: string,
  progress: ShowProgress,
): Promise<void> {
  const placement = await locateTenant(databases, schema);
  await purgeTenant(chooseDatabase(databases, MAIN).owner, schema, progress, placement.owner);
}
