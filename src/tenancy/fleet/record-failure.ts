import type pg from 'pg';

import { MigrationFailed, reasonOf } from '../migrations/migration-failed.ts';

/** Records why a tenant could not be migrated, for `migrate-status`. Its next success deletes the record. */
export async function recordFailure(client: pg.ClientBase, tenantId: string, error: unknown): Promise<void> {
  await client.query(
    `insert into tenancy.migration_failures as f (tenant_id, migration, error)
     values ($1, $2, $3)
     on conflict on constraint migration_failures_pkey do update
       set migration = excluded.migration,
           error = excluded.error,
           attempts = f.attempts + 1,
           failed_at = now()`,
    [
      tenantId,
      error instanceof MigrationFailed ? error.migration : null,
      reasonOf(error instanceof MigrationFailed ? error.cause : error),
    ],
  );
}
