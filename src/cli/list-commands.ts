import type { Project } from '../definition/define-project.ts';
import { loadModule } from '../tenancy/registry/load-module.ts';
import { cloneTenantCommand } from './commands/data/clone-tenant.ts';
import { dropRetainedCopiesCommand } from './commands/data/drop-retained-copies.ts';
import { dumpData } from './commands/data/dump-data.ts';
import { dumpTenantCommand } from './commands/data/dump-tenant.ts';
import { loadData } from './commands/data/load-data.ts';
import { moveTenantCommand } from './commands/data/move-tenant.ts';
import { restoreTenantCommand } from './commands/data/restore-tenant.ts';
import { runScript } from './commands/data/run.ts';
import { shellCommand } from './commands/data/shell.ts';
import { sqlCommand } from './commands/data/sql.ts';
import { addDomainCommand } from './commands/domains/add-domain.ts';
import { removeDomainCommand } from './commands/domains/remove-domain.ts';
import { setPrimaryDomainCommand } from './commands/domains/set-primary-domain.ts';
import { verifyDomainCommand } from './commands/domains/verify-domain.ts';
import { migrateCommand } from './commands/migrations/migrate.ts';
import { migrateStatus } from './commands/migrations/migrate-status.ts';
import { allTenantsCommand } from './commands/operations/all-tenants-command.ts';
import { auditCommand } from './commands/operations/audit.ts';
import { checkCommand } from './commands/operations/check.ts';
import { doctorCommand } from './commands/operations/doctor/doctor.ts';
import { openapiCommand } from './commands/operations/openapi.ts';
import { rotateKeys } from './commands/operations/rotate-keys.ts';
import { tenantCommand } from './commands/operations/tenant-command.ts';
import { workerCommand } from './commands/operations/worker.ts';
import { createTenantCommand } from './commands/tenants/create-tenant.ts';
import { deleteTenantCommand } from './commands/tenants/delete-tenant.ts';
import { listTenantsCommand } from './commands/tenants/list-tenants.ts';
import { maintenance } from './commands/tenants/maintenance.ts';
import { purgeTenants } from './commands/tenants/purge-tenants.ts';
import { renameTenantCommand } from './commands/tenants/rename-tenant.ts';
import { revokeLanesCommand } from './commands/tenants/revoke-lanes.ts';
import { setLaneCommand } from './commands/tenants/set-lane.ts';
import { settings } from './commands/tenants/settings.ts';
import { showTenant } from './commands/tenants/show-tenant.ts';
import {
  resumeTenantCommand,
  suspendTenantCommand,
  undeleteTenantCommand,
} from './commands/tenants/status-commands.ts';
import type { CliCommand } from './framework/command.ts';

/** Returns the commands of the engine, `further` ones, and those of the project's apps. */
export async function listCommands(
  project: Project,
  further: readonly CliCommand<never>[],
): Promise<readonly CliCommand<never>[]> {
  const ofApps = await Promise.all(
    project.apps.map((app) => loadModule(`the commands of the app "${app.name}"`, app.commands)),
  );
  const commands: readonly CliCommand<never>[] = [
    createTenantCommand(ofApps.flatMap(({ createTenant }) => createTenant ?? [])),
    listTenantsCommand,
    showTenant,
    renameTenantCommand,
    suspendTenantCommand,
    resumeTenantCommand,
    maintenance,
    deleteTenantCommand,
    undeleteTenantCommand,
    purgeTenants,
    setLaneCommand,
    revokeLanesCommand,
    addDomainCommand,
    removeDomainCommand,
    setPrimaryDomainCommand,
    verifyDomainCommand,
    migrateCommand,
    migrateStatus,
    rotateKeys,
    settings,
    tenantCommand(() => commands),
    allTenantsCommand(() => commands),
    sqlCommand,
    runScript,
    shellCommand,
    loadData,
    dumpData,
    ...further,
    checkCommand(project),
    auditCommand,
    openapiCommand(project),
    doctorCommand(project),
    workerCommand(project),
    dumpTenantCommand,
    restoreTenantCommand,
    cloneTenantCommand,
    moveTenantCommand,
    dropRetainedCopiesCommand,
    ...ofApps.flatMap((app) => app.commands),
  ] as CliCommand<never>[];
  return commands;
}
