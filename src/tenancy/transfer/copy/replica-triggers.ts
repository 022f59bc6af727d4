import type pg from 'pg';

/**
 * Returns statements for the triggers that also fire on replicated changes: `suspend` disables them,
 * `resume` enables them again. The source replicates the effect of a trigger, so a second run would
 * duplicate it.
 */
export async function readReplicaTriggers(
  client: pg.ClientBase,
  schema: string,
): Promise<{ suspend: readonly string[]; resume: readonly string[] }> {
  const { rows } = await client.query<{ suspend: string; resume: string }>(
    `select
       format('alter table only %I.%I disable trigger %I', n.nspname, c.relname, t.tgname) as suspend,
       format(
         'alter table only %I.%I enable %s trigger %I',
         n.nspname,
         c.relname,
         case t.tgenabled when 'A' then 'always' else 'replica' end,
         t.tgname
       ) as resume
     from pg_catalog.pg_namespace as n
     join pg_catalog.pg_class as c on c.relnamespace = n.oid
     join pg_catalog.pg_trigger as t on t.tgrelid = c.oid
     where n.nspname = $1
       and not t.tgisinternal
       and t.tgenabled in ('A', 'R')
     order by 1`,
    [schema],
  );
  return { suspend: rows.map(({ suspend }) => suspend), resume: rows.map(({ resume }) => resume) };
}
