import pg from 'pg';
import { lastRows } from '../../db/admin/last-rows.ts';
import { SESSION_RESET } from '../../db/driver/session-reset.ts';
import { enterSql } from '../context/with-owner-tenant.ts';
import type { Tenant } from '../registry/tenant.ts';
import { PROTECT, statementsOf } from './apply-migrations.ts';
import { runConcurrently } from './concurrent-statement.ts';
import { historySql, markSql } from './history.ts';
import { attachLocation, sourceOf } from './locate-error.ts';
import { historyAfter, type MigrationTarget, recordVersionSql } from './migrate-tenant.ts';
import { BUSY, type TransactionalResult } from './migrate-transactional.ts';
import { MigrationFailed } from './migration-failed.ts';
import { type MigrationSequence, sequenceOf } from './migration-sequence.ts';

/** Returns the key of a tenant's lock. It is taken without waiting: CREATE INDEX of the other session would wait for a session that waits here. */
const lockKey = ({ role }: Pick<Tenant, 'schema' | 'role'>): string =>
  `pg_catalog.hashtextextended(${pg.escapeLiteral(`koa-tenants concurrent ${role}`)}, 0)`;

async function runStep(
  client: pg.ClientBase,
  tenant: Pick<Tenant, 'schema' | 'role'>,
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
        throw await attachLocation(error, [{ text, source: sourceOf(text, step.sqlFiles?.[direction]) }]);
      });
    }
  } catch (error) {
    throw new MigrationFailed(step.name, error);
  }
}

/**
 * Returns the names in a tenant's migration history. With `lock`, the transaction stays open and holds
 * a lock on the tenant's row.
 */
async function readHistory(
  client: pg.ClientBase,
  tenant: Pick<Tenant, 'schema' | 'role'>,
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
 * Runs the next migrations of a tenant that run outside a transaction, while the tenant is in use.
 * After a crash the interrupted one is missing in the migration history and runs again. Protects the
 * schema after each migration.
 *
 * Waits for the oldest transaction in the database, and does not block access to the tenant's rows.
 */
export async function migrateConcurrent(
  client: pg.ClientBase,
  tenant: Pick<Tenant, 'schema' | 'role'>,
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
    const { direction, steps } = sequenceOf(migrations, await readHistory(client, tenant, 'commit'), to);
    const end = steps.findIndex(({ concurrent }) => !concurrent);
    const next = end < 0 ? steps : steps.slice(0, end);
    for (const step of next) {
      await runStep(client, tenant, step, direction);
      // The statement may have taken long: the migration history may have further entries.
      const history = historyAfter(await readHistory(client, tenant, 'lock'), { direction, steps: [step] });
      await client.query(
        `${enterSql(tenant)};
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
