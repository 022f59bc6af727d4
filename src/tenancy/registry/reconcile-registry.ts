import type pg from 'pg';
import { z } from 'zod';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';

const known = z.strictObject({
  id: z.uuid(),
  database: z.string(),
  copy: z.looseObject({}),
  migrated_to: z.string().nullable(),
});
type Known = z.infer<typeof known>;

/** All tenants of a further database; of main, those that live elsewhere. */
async function readRows(client: pg.ClientBase): Promise<readonly Known[]> {
  const { rows } = await client.query(`
    select t.id, t.database, tenancy.read_copy(t.id) as copy, t.migrated_to
    from public.tenants as t
    cross join tenancy.installation as i
    where t.type <> 'site'
      and (i.database <> 'main' or t.database <> 'main')
  `);
  return rows.map((row) => known.parse(row));
}

/**
 * Tells a row that main does not place here where its tenant lives: left behind by
 * a move that was killed. Waits for moves that are under way, which hold main's
 * row, and asks again then: told too early, the tenant would be locked out.
 */
async function closeStray(
  registry: pg.ClientBase,
  client: pg.ClientBase,
  { id, database }: Known,
): Promise<number> {
  const { rows } = await registry.query<{ database: string }>(
    'select t.database from public.tenants as t where t.id = $1 for share',
    [id],
  );
  const home = rows[0]?.database;
  if (home === undefined || home === database) {
    return 0;
  }
  await client.query('update public.tenants as t set database = $2 where t.id = $1', [id, home]);
  return 1;
}

/**
 * Makes what a further database knows of its tenants what main says of them, and
 * tells main how far they are migrated there. Answers how many rows differed.
 *
 * Main decides who lives where. A row that it has never heard of is left alone:
 * nobody is led to it.
 */
export async function reconcileRegistry(
  main: pg.ClientConfig,
  other: pg.ClientConfig,
  database: string,
): Promise<number> {
  return withAdminConnection(main, (registry) =>
    withAdminConnection(other, async (client) => {
      const theirs = new Map((await readRows(registry)).map((row) => [row.id, row]));
      let differed = 0;
      for (const here of await readRows(client)) {
        const there = theirs.get(here.id);
        if (there?.database !== database) {
          differed += here.database === database ? await closeStray(registry, client, here) : 0;
          continue;
        }
        if (JSON.stringify(there.copy) !== JSON.stringify(here.copy)) {
          await client.query('select tenancy.write_copy($1)', [there.copy]);
          differed += 1;
        }
        if (there.migrated_to !== here.migrated_to) {
          await registry.query('update public.tenants as t set migrated_to = $2 where t.id = $1', [
            here.id,
            here.migrated_to,
          ]);
          differed += 1;
        }
      }
      return differed;
    }),
  );
}
