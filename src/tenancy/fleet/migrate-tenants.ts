import type pg from 'pg';

import { counted } from '../../counted.ts';
import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { migrateConcurrent } from '../migrations/migrate-concurrent.ts';
import { migrationsFor } from '../migrations/migrate-tenant.ts';
import { BUSY, migrateTransactional, type TransactionalResult } from '../migrations/migrate-transactional.ts';
import { MigrationFailed, reasonOf, reasonWithoutValues } from '../migrations/migration-failed.ts';
import type { BehindTenant } from './fleet-state.ts';
import type { ResolvedOptions } from './migrate-options.ts';
import { assertAllWell, type Draft, MigrationStopped } from './migration-report.ts';
import { assertUndoable, namesToUndo } from './pending.ts';
import { retryLocks } from './retry.ts';
import { runFleet } from './run-fleet.ts';

/** Records why a tenant could not be migrated, for `migrate-status`. Its next success deletes the record. */
async function recordFailure(client: pg.ClientBase, tenantId: string, error: unknown): Promise<void> {
  const cause = error instanceof MigrationFailed ? error.cause : error;
  await client.query(
    `insert into tenancy.migration_failures as f (tenant_id, migration, error, error_without_values)
     values ($1, $2, $3, $4)
     on conflict on constraint migration_failures_pkey do update
       set migration = excluded.migration,
           error = excluded.error,
           error_without_values = excluded.error_without_values,
           attempts = f.attempts + 1,
           failed_at = now()`,
    [
      tenantId,
      error instanceof MigrationFailed ? error.migration : null,
      reasonOf(cause),
      reasonWithoutValues(cause),
    ],
  );
}

/** Deletes the recorded failures of tenants that have no pending migration. */
export const deleteFailures = (owner: pg.ClientConfig, tenantIds: readonly string[]): Promise<unknown> =>
  withAdminConnection(owner, (client) =>
    client.query('delete from tenancy.migration_failures as f where f.tenant_id = any($1)', [tenantIds]),
  );

/** Functions that run the next migrations of one tenant, and that report them. */
type Migrator = Readonly<{
  transactional: (client: pg.Client, tenant: BehindTenant) => Promise<TransactionalResult | typeof BUSY>;
  concurrent: (client: pg.Client, tenant: BehindTenant) => Promise<TransactionalResult | typeof BUSY>;
  report: (tenant: BehindTenant, result: TransactionalResult, list: 'tenants' | 'concurrent') => void;
  onFailure: (client: pg.Client, tenant: BehindTenant, error: unknown) => Promise<void>;
}>;

function createMigrator(
  { migrations, to, fake, lockTimeout, attempts, onTenant, hideValues }: ResolvedOptions,
  report: Draft,
): Migrator {
  const targetOf = ({ schema }: BehindTenant) => ({
    migrations: migrationsFor(schema, migrations),
    to,
    fake,
  });
  return {
    transactional: (client, tenant) =>
      retryLocks(attempts, () => migrateTransactional(client, tenant, targetOf(tenant), lockTimeout)),
    concurrent: (client, tenant) => migrateConcurrent(client, tenant, targetOf(tenant)),
    report: ({ schema }, { direction, names, concurrentNext }, list) => {
      if (names.length === 0) {
        onTenant(
          `${schema}  ${concurrentNext ? 'waits for its migration outside a transaction' : 'up to date'}`,
        );
        return;
      }
      report[direction === 'down' ? 'undone' : list].push({ schema, applied: names });
      onTenant(`${schema}  ${direction === 'down' ? 'undone ' : ''}${names.join(', ')}`);
    },
    onFailure: async (client, { id, schema }, error) => {
      const reason = hideValues ? reasonWithoutValues(error) : reasonOf(error);
      report.failures.push({ schema, error: reason });
      onTenant(`${schema}  failed: ${reason}`);
      await recordFailure(client, id, error);
    },
  };
}

/**
 * Runs a tenant's migrations that run outside a transaction, and the transactional ones between and
 * behind them.
 */
async function migrateAlternating(
  migrator: Migrator,
  client: pg.Client,
  tenant: BehindTenant,
): Promise<undefined | typeof BUSY> {
  for (;;) {
    const concurrent = await migrator.concurrent(client, tenant);
    if (concurrent === BUSY) {
      return BUSY;
    }
    migrator.report(tenant, concurrent, 'concurrent');
    const transactional = await migrator.transactional(client, tenant);
    if (transactional === BUSY) {
      return BUSY;
    }
    if (transactional.names.length > 0) {
      migrator.report(tenant, transactional, 'tenants');
    }
    if (!transactional.concurrentNext) {
      return undefined;
    }
  }
}

/**
 * Runs the transactional migrations of all tenants first, so that the new code can serve them, and
 * then the concurrent ones.
 */
async function migrateAll(
  owner: pg.ClientConfig,
  tenants: readonly BehindTenant[],
  options: ResolvedOptions,
  report: Draft,
): Promise<void> {
  const migrator = createMigrator(options, report);
  const { onFailure } = migrator;
  const unfinished: BehindTenant[] = [];

  options.onStart('migrate', tenants.length);
  report.left += await runFleet(owner, tenants, options, {
    work: async (client, tenant) => {
      const result = await migrator.transactional(client, tenant);
      if (result === BUSY) {
        return BUSY;
      }
      migrator.report(tenant, result, 'tenants');
      if (result.concurrentNext) {
        unfinished.push(tenant);
      }
      return undefined;
    },
    onFailure,
  });
  if (report.failures.length > 0 && !options.continueOnError) {
    report.left += unfinished.length;
    return;
  }
  if (unfinished.length > 0) {
    options.onStart('outside transactions', unfinished.length);
  }
  report.left += await runFleet(owner, unfinished, options, {
    work: (client, tenant) => migrateAlternating(migrator, client, tenant),
    onFailure,
  });
}

/**
 * Migrates tenants to their target: the canaries first, if there are any, and the others if those
 * succeeded.
 *
 * @throws MigrationStopped
 */
export async function migrateTenants(
  owner: pg.ClientConfig,
  behind: readonly BehindTenant[],
  options: ResolvedOptions,
  report: Draft,
): Promise<void> {
  const { canary, confirm, migrations, to } = options;
  const undone = namesToUndo(migrations, behind, to);
  assertUndoable(migrations, undone);
  if (
    undone.length > 0 &&
    !(await confirm(
      'undo',
      `This undoes ${undone.join(', ')} in ${counted(behind.length, 'tenant')}, and deletes the rows of its tables.`,
    ))
  ) {
    throw new MigrationStopped('migration_pending', 'Nothing was undone.', {
      ...report,
      left: behind.length,
    });
  }
  const first = canary > 0 ? behind.slice(0, canary) : behind;
  const rest = behind.slice(first.length);
  await migrateAll(owner, first, options, report);
  if (rest.length === 0) {
    return assertAllWell(report);
  }
  if (report.failures.length > 0) {
    report.left += rest.length;
    return assertAllWell(report);
  }
  if (
    !(await confirm(
      'canary',
      `${counted(first.length, 'tenant')} migrated; ${counted(rest.length, 'tenant')} remaining.`,
    ))
  ) {
    throw new MigrationStopped(
      'migration_pending',
      `Stopped after ${counted(first.length, 'tenant')}; ${counted(rest.length, 'tenant')} remaining. Run \`migrate\` to continue.`,
      { ...report, left: rest.length },
    );
  }
  await migrateAll(owner, rest, options, report);
  assertAllWell(report);
}
