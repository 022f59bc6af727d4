import pg from 'pg';

import { lockKey } from '../../db/admin/session-lock.ts';
import { SESSION_RESET } from '../../db/driver/session-reset.ts';
import { moveLock } from '../registry/move-lock.ts';
import type { Tenant } from '../registry/tenant.ts';
import { applyMigrations } from './apply-migrations.ts';
import { historySql } from './history.ts';
import { historyAfter, type MigrationTarget, recordVersionSql } from './migrate-tenant.ts';
import { isTransient, MigrationFailed, needsCommit } from './migration-failed.ts';
import { sequenceOf } from './migration-sequence.ts';

export type TransactionalResult = Readonly<{
  direction: 'up' | 'down';
  names: readonly string[];
  /** Whether the next migration runs outside a transaction. */
  concurrentNext: boolean;
}>;

/** Returned when another session holds the tenant: another run, or a rename. Try again later. */
export const BUSY = 'busy';

type Run = Readonly<{
  /** Milliseconds that a statement waits for a lock. */
  lockTimeout: number;
  /** Whether the migrations are sent in one round trip. */
  together: boolean;
  /** Maximum number of migrations to apply. */
  limit?: number;
}>;

async function migrateOnce(
  client: pg.ClientBase,
  tenant: Pick<Tenant, 'schema' | 'role'>,
  { migrations, to, fake = false }: MigrationTarget,
  { lockTimeout, together, limit }: Run,
): Promise<TransactionalResult | typeof BUSY> {
  try {
    const results = (await client.query(
      `begin;
       set local lock_timeout = ${Math.floor(lockTimeout)};
       select
       from public.tenants as t
       where t.role_name = ${pg.escapeLiteral(tenant.role)}
         and t.schema_name = ${pg.escapeLiteral(tenant.schema)}
         and t.status <> 'deleted'
         -- Not while its tables follow to another database.
         and pg_catalog.pg_try_advisory_xact_lock_shared(${lockKey(moveLock(tenant))})
       for no key update skip locked;
       ${historySql(tenant)}`,
    )) as unknown as pg.QueryResult[];
    const taken = results[2]?.rowCount === 1;
    if (!taken) {
      await client.query('reset role');
      const { rows } = await client.query(
        `select
         from public.tenants as t
         where t.role_name = $1
           and t.schema_name = $2
           and t.status <> 'deleted'`,
        [tenant.role, tenant.schema],
      );
      await client.query('rollback');
      // Renamed or deleted meanwhile, so there is nothing to migrate.
      return rows.length > 0 ? BUSY : { direction: 'up', names: [], concurrentNext: false };
    }
    const history = (results.at(-1)?.rows ?? []).map(({ name }: { name: string }) => name);
    const { direction, steps } = sequenceOf(migrations, history, to);
    const first = steps.findIndex(({ concurrent }) => concurrent && !fake);
    const due = first < 0 ? steps : steps.slice(0, first);
    const sequence = { direction, steps: due.slice(0, limit) };
    const through = first < 0 && sequence.steps.length === due.length;
    const recordVersion = recordVersionSql(tenant, historyAfter(history, sequence), migrations, { through });
    await applyMigrations(client, tenant, sequence, {
      fake,
      after: `${recordVersion};commit;${SESSION_RESET}`,
      together,
    });
    return { direction, names: sequence.steps.map(({ name }) => name), concurrentNext: first >= 0 };
  } catch (error) {
    // A lost connection has rolled back already. The first error is the cause.
    await client.query(`rollback;${SESSION_RESET}`).catch(() => {});
    throw error;
  }
}

/** As `migrateOnce`, with one transaction for each migration. */
async function migrateInTransactions(
  client: pg.ClientBase,
  tenant: Pick<Tenant, 'schema' | 'role'>,
  target: MigrationTarget,
  lockTimeout: number,
): Promise<TransactionalResult | typeof BUSY> {
  const names: string[] = [];
  let direction: TransactionalResult['direction'] | undefined;
  for (;;) {
    const advance = await migrateOnce(client, tenant, target, { lockTimeout, together: false, limit: 1 });
    if (advance === BUSY) {
      return BUSY;
    }
    direction ??= advance.direction;
    names.push(...advance.names);
    if (advance.names.length === 0) {
      return { ...advance, direction, names };
    }
  }
}

/**
 * Migrates a tenant in use to its target, or to the first migration that runs outside a transaction,
 * in one transaction. Only migrations that need a commit in between (an enum value that is added and
 * then used) run in one transaction each; after a failure the tenant keeps those that succeeded.
 *
 * Takes two round trips if one migration is due. Resets the session afterwards.
 *
 * @param lockTimeout maximum milliseconds that a statement waits for a lock, and other sessions wait
 *   behind it
 */
export async function migrateTransactional(
  client: pg.ClientBase,
  tenant: Pick<Tenant, 'schema' | 'role'>,
  target: MigrationTarget,
  lockTimeout: number,
): Promise<TransactionalResult | typeof BUSY> {
  try {
    return await migrateOnce(client, tenant, target, { lockTimeout, together: true });
  } catch (error) {
    if (!(error instanceof MigrationFailed) || isTransient(error)) {
      throw error;
    }
    if (needsCommit(error)) {
      return migrateInTransactions(client, tenant, target, lockTimeout);
    }
    if (!error.migration.includes(', ')) {
      throw error;
    }
  }
  // An error of all migrations together does not name the failed one. One by one, it does.
  return migrateOnce(client, tenant, target, { lockTimeout, together: false });
}
