import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { LEAVE } from '../context/with-owner-tenant.ts';
import { statementsOf } from '../migrations/apply-migrations.ts';
import { MigrationFailed } from '../migrations/migration-failed.ts';
import type { GlobalMigration } from '../migrations/tenant-migrations.ts';

/**
 * SQL that becomes the owner of the global tables for the transaction, with their schema first on the
 * path.
 */
export const ENTER_GLOBAL =
  'set local role global_owner; set local search_path = global, extensions, pg_temp';

/**
 * Runs the pending global migrations inside the transaction of the migrating login, as global_owner,
 * and grants SELECT on the columns of the tables. Returns the names of the applied migrations.
 *
 * @throws MigrationFailed naming the migration. The transaction is aborted.
 */
export async function runGlobalMigrations(
  client: pg.ClientBase,
  migrations: readonly GlobalMigration[],
): Promise<readonly string[]> {
  const { rows } = await client
    .query<{ name: string }>(
      'set local role tenancy_owner; select m.name from tenancy_migrations.global as m',
    )
    .then((results) => (results as unknown as pg.QueryResult<{ name: string }>[]).at(-1) ?? { rows: [] });
  const applied = new Set(rows.map(({ name }) => name));
  const pending = migrations.filter(({ name }) => !applied.has(name));
  for (const migration of pending) {
    try {
      await client.query(ENTER_GLOBAL);
      const { texts, inTransaction } = await statementsOf(client, migration, 'up');
      if (!inTransaction) {
        throw new TypeError('global migrations must run in a transaction');
      }
      await client.query(
        [...texts, `set constraints all immediate; ${ENTER_GLOBAL}; select tenancy.protect_global()`].join(
          '\n;\n',
        ),
      );
      await client.query('set local role tenancy_owner');
      await client.query('insert into tenancy_migrations.global (name) values ($1)', [migration.name]);
    } catch (error) {
      throw error instanceof MigrationFailed ? error : new MigrationFailed(migration.name, error);
    }
  }
  await client.query(LEAVE);
  return pending.map(({ name }) => name);
}

/**
 * Runs `work` in a transaction of the migrating login that may write the global tables: for commands of an app that
 * load their rows. Tables are named without their schema.
 */
export const withGlobalTables = <T>(
  owner: pg.ClientConfig,
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> =>
  withAdminConnection(owner, async (client) => {
    await client.query(ENTER_GLOBAL);
    return work(client);
  });
