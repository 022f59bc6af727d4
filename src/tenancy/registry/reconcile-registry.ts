import type pg from 'pg';
import { z } from 'zod';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';

const known = z.strictObject({
  id: z.uuid(),
  database: z.string(),
  copy: z.looseObject({}),
  migrated_to: z.string().nullable(),
  transactional_applied: z.int(),
});
type Known = z.infer<typeof known>;

/** Writes the schema version of a tenant in a further database into main's row, which requests read. */
export async function copySchemaVersion(
  registry: pg.ClientBase,
  { id, migrated_to, transactional_applied }: Pick<Known, 'id' | 'migrated_to' | 'transactional_applied'>,
): Promise<void> {
  await registry.query(
    `update public.tenants as t
     set migrated_to = $2,
         transactional_applied = $3
     where t.id = $1`,
    [id, migrated_to, transactional_applied],
  );
}

/** Returns the tenants in a further database; for main, the tenants of the other databases. */
async function readRows(client: pg.ClientBase): Promise<readonly Known[]> {
  const { rows } = await client.query(`
    select t.id, t.database, tenancy.read_copy(t.id) as copy, t.migrated_to, t.transactional_applied
    from public.tenants as t
    cross join tenancy.installation as i
    where t.type <> 'site'
      and (i.database <> 'main' or t.database <> 'main')
    -- Concurrent commands lock the rows in the same order.
    order by t.id
  `);
  return rows.map((row) => known.parse(row));
}

/**
 * Updates the row of a tenant that main does not place in this database, as a killed move leaves it.
 * Waits for moves in progress, which hold a lock on main's row, and reads again then: an earlier
 * update would make the tenant inaccessible.
 */
async function correctDatabase(
  registry: pg.ClientBase,
  client: pg.ClientBase,
  { id, database }: Known,
): Promise<number> {
  const { rows } = await registry.query<{ database: string }>(
    'select t.database from public.tenants as t where t.id = $1 for share',
    [id],
  );
  const actualDatabase = rows[0]?.database;
  if (actualDatabase === undefined || actualDatabase === database) {
    return 0;
  }
  await client.query('update public.tenants as t set database = $2 where t.id = $1', [id, actualDatabase]);
  return 1;
}

/**
 * Copies a tenant's row from main to a further database. It is read again after the row there is locked: the service
 * copies changes too, and an older copy must not replace a newer one.
 */
async function copyRow(
  registry: pg.ClientBase,
  client: pg.ClientBase,
  { id, database }: Pick<Known, 'id' | 'database'>,
): Promise<void> {
  await client.query('select from public.tenants as t where t.id = $1 for no key update', [id]);
  const { rows } = await registry.query<{ copy: { database: string } | null }>(
    'select tenancy.read_copy($1) as copy',
    [id],
  );
  const copy = rows[0]?.copy;
  if (copy?.database === database) {
    await client.query('select tenancy.write_copy($1)', [copy]);
  }
}

/**
 * Updates the registry rows of a further database from main, and main's schema versions from that
 * database. Returns how many rows differed.
 *
 * Main decides in which database a tenant is. Rows that main does not have are not changed: no request
 * reaches them.
 */
export async function reconcileRegistry(
  main: pg.ClientConfig,
  other: pg.ClientConfig,
  database: string,
): Promise<number> {
  return withAdminConnection(main, (registry) =>
    withAdminConnection(other, async (client) => {
      const mainRows = new Map((await readRows(registry)).map((row) => [row.id, row]));
      let differed = 0;
      for (const row of await readRows(client)) {
        const mainRow = mainRows.get(row.id);
        if (mainRow?.database !== database) {
          differed += row.database === database ? await correctDatabase(registry, client, row) : 0;
          continue;
        }
        // Main's row first, as a move does.
        if (
          mainRow.migrated_to !== row.migrated_to ||
          mainRow.transactional_applied !== row.transactional_applied
        ) {
          await copySchemaVersion(registry, row);
          differed += 1;
        }
        if (JSON.stringify(mainRow.copy) !== JSON.stringify(row.copy)) {
          await copyRow(registry, client, mainRow);
          differed += 1;
        }
      }
      return differed;
    }),
  );
}
