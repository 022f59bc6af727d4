import pg from 'pg';
import { lastRows } from '../../db/admin/last-rows.ts';
import { SESSION_RESET } from '../../db/driver/session-reset.ts';
import { statementsOf } from './apply-migrations.ts';
import { runConcurrently } from './concurrent-statement.ts';
import { historySql, type MigratingTenant, markSql } from './history.ts';
import { insideSql, PROTECT } from './inside-sql.ts';
import { rememberPlace, sourceOf } from './locate-error.ts';

import { historyAfter, type MigrationTarget, recordVersionSql } from './migrate-tenant.ts';
import { BUSY, type TransactionalResult } from './migrate-transactional.ts';
import { MigrationFailed } from './migration-failed.ts';
import { type MigrationSequence, sequenceOf } from './migration-sequence.ts';

/** Asked for and not waited for: a session that waits here would be waited for by the other's CREATE INDEX. */
const lockKey = ({ role }: MigratingTenant): string =>
  `pg_catalog.hashtextextended(${pg.escapeLiteral(`koa-tenants concurrent ${role}`)}, 0)`;

async function runStep(
  client: pg.ClientBase,
  tenant: MigratingTenant,
  step: MigrationSequence['steps'][number],
  direction: MigrationSequence['direction'],
): Promise<void> {
  try {
    await client.query(
      `set role tenant_owner; set search_path = ${pg.escapeIdentifier(tenant.schema)}, extensions, pg_temp`,
    );
    const { texts } = await statementsOf(client, step, direction);
    for (const text of texts) {
      await runConcurrently(client, tenant.schema, text).catch(async (error: unknown) => {
        throw await rememberPlace(error, [{ text, source: sourceOf(text, step.sqlFiles?.[direction]) }]);
      });
    }
  } catch (error) {
    throw new MigrationFailed(step.name, error);
  }
}

/** The names in a tenant's ledger; with `lock`, in a transaction that has the tenant's row and stays open. */
async function readLedger(
  client: pg.ClientBase,
  tenant: MigratingTenant,
  then: 'commit' | 'lock',
): Promise<readonly string[]> {
  const row = `select from public.tenants as t where t.role_name = ${pg.escapeLiteral(tenant.role)} for no key update`;
  const rows = await lastRows<{ name: string }>(
    client,
    then === 'lock'
      ? `reset role; begin; ${row}; ${historySql(tenant)}`
      : `begin; ${historySql(tenant)}; commit`,
  );
  return rows.map(({ name }) => name);
}

/**
 * Takes a tenant in use through the migrations that come next and run outside a
 * transaction. A crash leaves the ledger without the one it broke off, which is
 * then run again. Protects the schema after each.
 *
 * Takes as long as the oldest transaction in the database, and blocks nobody's
 * rows meanwhile.
 */
export async function migrateConcurrent(
  client: pg.ClientBase,
  tenant: MigratingTenant,
  { migrations, to }: MigrationTarget,
): Promise<TransactionalResult | typeof BUSY> {
  const [lock] = await lastRows<{ taken: boolean }>(
    client,
    `select pg_catalog.pg_try_advisory_lock(${lockKey(tenant)}) as taken`,
  );
  if (lock?.taken !== true) {
    return BUSY;
  }
  try {
    const { direction, steps } = sequenceOf(migrations, await readLedger(client, tenant, 'commit'), to);
    const end = steps.findIndex(({ concurrent }) => !concurrent);
    const next = end < 0 ? steps : steps.slice(0, end);
    for (const step of next) {
      await runStep(client, tenant, step, direction);
      // It took a while: the ledger may hold more than before.
      const history = historyAfter(await readLedger(client, tenant, 'lock'), { direction, steps: [step] });
      await client.query(
        `${insideSql(tenant)};
         ${PROTECT};
         ${markSql(tenant, step.name, direction)};
         ${recordVersionSql(tenant, history, migrations)};
         commit`,
      );
    }
    return { direction, names: next.map(({ name }) => name), concurrentNext: false };
  } finally {
    await client
      .query(`rollback;${SESSION_RESET};select pg_catalog.pg_advisory_unlock(${lockKey(tenant)})`)
      .catch(() => {});
  }
}
