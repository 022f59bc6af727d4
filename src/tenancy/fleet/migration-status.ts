import type pg from 'pg';
import { z } from 'zod';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import type { Fleet } from './fleet-state.ts';
import { joinPlans, type MigrationPlan, planMigration } from './plan-migration.ts';

const versionRow = z.strictObject({
  migrated_to: z.string().nullable(),
  concurrent_to: z.string().nullable(),
  status: z.string(),
  tenants: z.number(),
});

const failureRow = z.strictObject({
  schema: z.string(),
  migration: z.string().nullable(),
  error: z.string(),
  attempts: z.number(),
  failed_at: z.date(),
});

/** Number of tenants of one status at one version. */
export type VersionCount = Readonly<z.infer<typeof versionRow>>;
export type Failure = Readonly<z.infer<typeof failureRow>>;

export type MigrationStatus = Readonly<{
  /** Newest version first. Tenants without a version come last. */
  versions: readonly VersionCount[];
  pending: MigrationPlan;
  /** Tenants whose last run failed, by schema. */
  failures: readonly Failure[];
}>;

/**
 * Returns the migration status of the whole fleet. Sends three queries, whatever the number of
 * tenants, and changes nothing.
 */
export async function readMigrationStatus(owner: pg.ClientConfig, fleet: Fleet): Promise<MigrationStatus> {
  const pending = await planMigration(owner, fleet);
  return withAdminConnection(owner, async (client) => {
    const versions = await client.query(
      `select t.migrated_to, t.concurrent_to, t.status, count(*)::integer as tenants
       from public.tenants as t
       where t.status <> 'deleted'
         and t.database = (select i.database from tenancy.installation as i)
         and t.type <> 'site'
       group by t.migrated_to, t.concurrent_to, t.status
       order by t.migrated_to desc nulls last, t.concurrent_to desc nulls last, t.status`,
    );
    const failures = await client.query(
      `select t.schema_name as schema, f.migration, f.error, f.attempts, f.failed_at
       from tenancy.migration_failures as f
       join public.tenants as t on t.id = f.tenant_id
       where t.status <> 'deleted'
       order by t.schema_name`,
    );
    return {
      versions: versions.rows.map((row) => versionRow.parse(row)),
      pending,
      failures: failures.rows.map((row) => failureRow.parse(row)),
    };
  });
}

/** Merges the statuses of several databases: equal versions of equal status are added. */
export function joinStatuses(statuses: readonly MigrationStatus[]): MigrationStatus {
  const counted = new Map<string, VersionCount>();
  for (const row of statuses.flatMap(({ versions }) => versions)) {
    const key = JSON.stringify([row.migrated_to, row.concurrent_to, row.status]);
    counted.set(key, { ...row, tenants: row.tenants + (counted.get(key)?.tenants ?? 0) });
  }
  const rank = ({ migrated_to, concurrent_to }: VersionCount): string =>
    `${migrated_to ?? ''} ${concurrent_to ?? ''}`;
  return {
    versions: [...counted.values()].sort((a, b) => (rank(a) < rank(b) ? 1 : rank(a) > rank(b) ? -1 : 0)),
    pending: joinPlans(statuses.map(({ pending }) => pending)),
    failures: statuses.flatMap(({ failures }) => failures).sort((a, b) => (a.schema < b.schema ? -1 : 1)),
  };
}
