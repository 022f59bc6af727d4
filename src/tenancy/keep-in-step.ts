import type pg from 'pg';
import { z } from 'zod';

import { withOwner } from '../db/owner-client.ts';

const copied = z.strictObject({
  id: z.uuid(),
  /** The row, without what belongs to the database that it is in. */
  row: z.record(z.string(), z.unknown()),
  migrated_to: z.string().nullable(),
  domains: z.array(z.strictObject({ domain: z.string(), is_primary: z.boolean() })),
});
type Copied = z.infer<typeof copied>;

async function readRows(client: pg.ClientBase, database: string): Promise<ReadonlyMap<string, Copied>> {
  // Times become text, and are compared as that.
  await client.query(`set local timezone = 'UTC'`);
  const { rows } = await client.query(
    `select
       t.id,
       to_jsonb(t) - 'role_name' - 'migrated_to' as row,
       t.migrated_to,
       coalesce(
         (
           select jsonb_agg(jsonb_build_object('domain', d.domain, 'is_primary', d.is_primary) order by d.domain)
           from public.domains as d
           where d.tenant_id = t.id
         ),
         '[]'
       ) as domains
     from public.tenants as t
     where t.database = $1
       and t.type <> 'site'`,
    [database],
  );
  return new Map(rows.map((row) => copied.parse(row)).map((row) => [row.id, row]));
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Writes a copy of a tenant's row and domains, new or changed. */
export async function writeCopy(
  client: pg.ClientBase,
  { id, row, domains }: Pick<Copied, 'id' | 'row' | 'domains'>,
): Promise<void> {
  await client.query('delete from public.domains as d where d.tenant_id = $1', [id]);
  await client.query(
    `insert into public.tenants
       (id, schema_name, name, paid_until, on_trial, status, type, database, settings, key_generation, created_at)
     select
       r.id, r.schema_name, r.name, r.paid_until, r.on_trial, r.status, r.type, r.database, r.settings,
       r.key_generation, r.created_at
     from jsonb_populate_record(null::public.tenants, $1) as r
     on conflict on constraint tenants_pkey do update
       set schema_name = excluded.schema_name,
           name = excluded.name,
           paid_until = excluded.paid_until,
           on_trial = excluded.on_trial,
           status = excluded.status,
           type = excluded.type,
           database = excluded.database,
           settings = excluded.settings,
           key_generation = excluded.key_generation`,
    [row],
  );
  await client.query(
    `insert into public.domains (domain, tenant_id, is_primary)
     select d.domain, $1, d.is_primary
     from jsonb_to_recordset($2) as d (domain text, is_primary boolean)`,
    [id, JSON.stringify(domains)],
  );
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
      for (const [id, { row, domains, migrated_to }] of theirs) {
        const copy = ours.get(id);
        if (!copy) {
          continue;
        }
        if (!same([row, domains], [copy.row, copy.domains])) {
          await writeCopy(client, { id, row, domains });
          differed += 1;
        }
        if (migrated_to !== copy.migrated_to) {
          await registry.query('update public.tenants as t set migrated_to = $2 where t.id = $1', [
            id,
            copy.migrated_to,
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
