import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { loadTenantMigrations } from '../migrations/tenant-migrations.ts';
import { type Databases, locateTenant } from '../registry/locate-tenant.ts';
import type { TenancyProject } from '../registry/project.ts';
import { type DriftReport, findDrift } from './drift.ts';

/**
 * Compares one tenant, or all, with a newly migrated schema in the tenant's own database: the
 * version of PostgreSQL may differ between databases.
 */
export async function findFleetDrift(
  project: TenancyProject,
  databases: Databases,
  schema: string | null = null,
): Promise<DriftReport> {
  const selected = schema === null ? Object.values(databases) : [await locateTenant(databases, schema)];
  const migrations = await loadTenantMigrations(project);
  const reports: DriftReport[] = [];
  for (const { owner, service } of selected) {
    reports.push(
      await withAdminConnection(owner, (client) => findDrift(client, service, { owner, schema, migrations })),
    );
  }
  return {
    compared: reports.reduce((sum, { compared }) => sum + compared, 0),
    drift: reports.flatMap(({ drift }) => drift),
    others: reports.flatMap(({ others }) => others),
  };
}
