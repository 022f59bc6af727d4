import type pg from 'pg';
import { z } from 'zod';

import { withOwner } from '../db/owner-client.ts';

const known = z.strictObject({ id: z.uuid(), copy: z.looseObject({}), migrated_to: z.string().nullable() });
type Known = z.infer<typeof known>;

async function readRows(client: pg.ClientBase, database: string): Promise<ReadonlyMap<string, Known>> {
  const { rows } = await client.query(
    `select t.id, tenancy.read_copy(t.id) as copy, t.migrated_to
     from public.tenants as t
     where t.database = $1
       and t.type <> 'site'`,
    [database],
  );
  return new Map(rows.map((row) => known.parse(row)).map((row) => [row.id, row]));
}

/**
 * Makes what a further database knows of its tenants what main says of them, and
 * tells main how far they are migrated there. Answers how many rows differed.
 *
 * Main decides who lives where: a row that a move left behind when it was killed
 * is told so, and opens nothing from then on. One that main has never heard of is
 * left alone: nobody is led to it.
 */
export async function keepInStep(
  main: pg.ClientConfig,
  other: pg.ClientConfig,
  database: string,
): Promise<number> {
  return withOwner(main, (registry) =>
    withOwner(other, async (client) => {
      const [theirs, ours] = [await readRows(registry, database), await readRows(client, database)];
      let differed = 0;
      for (const [id, { copy, migrated_to }] of theirs) {
        const here = ours.get(id);
        if (!here) {
          continue;
        }
        if (JSON.stringify(copy) !== JSON.stringify(here.copy)) {
          await client.query('select tenancy.write_copy($1)', [copy]);
          differed += 1;
        }
        if (migrated_to !== here.migrated_to) {
          await registry.query('update public.tenants as t set migrated_to = $2 where t.id = $1', [
            id,
            here.migrated_to,
          ]);
          differed += 1;
        }
      }
      const strays = [...ours.keys()].filter((id) => !theirs.has(id));
      const { rows: elsewhere } = await registry.query<{ id: string; database: string }>(
        'select t.id, t.database from public.tenants as t where t.id = any ($1::uuid[])',
        [strays],
      );
      for (const { id, database: home } of elsewhere) {
        await client.query('update public.tenants as t set database = $2 where t.id = $1', [id, home]);
        differed += 1;
      }
      return differed;
    }),
  );
}
