import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { type DriftReport, findDrift } from '../../../tenancy/fleet/drift.ts';
import { loadTenantMigrations } from '../../../tenancy/migrations/tenant-migrations.ts';
import { locateTenant } from '../../../tenancy/registry/locate-tenant.ts';
import type { CliDeps } from '../../framework/command.ts';
import { databasesOf } from '../../framework/fleet.ts';

/** Maximum tenants that are listed by name. Further ones are counted. */
export const NAMED = 20;

/**
 * Compares one tenant, or all, with a newly migrated schema in the tenant's own database: the
 * version of PostgreSQL may differ between databases.
 */
export async function checkDrift(
  { project, config, ownerUrl }: CliDeps,
  schema: string | null = null,
): Promise<DriftReport> {
  const databases = databasesOf(await config(), await ownerUrl());
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

/** Prints one line for each difference. */
export function printDrift({ drift, others }: DriftReport, { print, red, note }: CliDeps): void {
  for (const { schema, differences } of drift) {
    for (const difference of differences) {
      print(`${red('drift')}   ${schema}   ${difference}`);
    }
  }
  if (others.length > 0) {
    const more = others.length > NAMED ? ` and ${others.length - NAMED} more` : '';
    note(
      `Not compared, because their applied migrations differ from the code's: ${others.slice(0, NAMED).join(', ')}${more}.`,
    );
  }
}
