import type pg from 'pg';

import { RELATIONS } from './tables.ts';

/**
 * Returns statements that remove, and statements that restore, everything that prevents loading rows:
 * foreign keys, which would require an order of the tables that does not exist for cycles; constraints
 * that are not valid, which old rows may violate; triggers, which fired when the rows were written;
 * and forced row-level security, which rejects COPY FROM. Foreign keys are restored first: checked
 * with forced row-level security, they would ignore hidden rows. Comments are restored too.
 */
export async function readObstacles(
  client: pg.ClientBase,
  schema: string,
): Promise<{ suspend: readonly string[]; resume: readonly string[] }> {
  const { rows } = await client.query<{ suspend: string | null; resume: string }>(
    `with relations as (
       select c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) as name
       ${RELATIONS}
         and c.relkind in ('r', 'p')
     ),
     types as (
       select y.oid, format('%I.%I', n.nspname, y.typname) as name
       from pg_catalog.pg_namespace as n
       join pg_catalog.pg_depend as d
         on d.refclassid = 'pg_catalog.pg_namespace'::regclass
         and d.refobjid = n.oid
         and d.classid = 'pg_catalog.pg_type'::regclass
       join pg_catalog.pg_type as y on y.oid = d.objid
       where n.nspname = $1
         and y.typtype = 'd'
     ),
     constraints as (
       select k.oid, k.conname, 'table ' || r.name as owner, r.name as place, k.conparentid, k.coninhcount
       from relations as r
       join pg_catalog.pg_constraint as k on k.conrelid = r.oid
       where k.contype = 'f'
         or k.contype in ('c', 'n') and not k.convalidated
       union all
       select k.oid, k.conname, 'domain ' || y.name, 'domain ' || y.name, 0, 0
       from types as y
       join pg_catalog.pg_constraint as k on k.contypid = y.oid
       where not k.convalidated
     ),
     obstacles as (
       -- Those of partitions and of children come and go with their parent's.
       select
         1 as step,
         format('alter %s drop constraint %I', k.owner, k.conname) as suspend,
         format('alter %s add constraint %I %s', k.owner, k.conname, pg_get_constraintdef(k.oid)) as resume
       from constraints as k
       where k.conparentid = 0
         and k.coninhcount = 0
       union all
       select
         2,
         null,
         format('comment on constraint %I on %s is %L', k.conname, k.place, d.description)
       from constraints as k
       join pg_catalog.pg_description as d
         on d.objoid = k.oid
         and d.classoid = 'pg_catalog.pg_constraint'::regclass
         and d.objsubid = 0
       union all
       select
         3,
         format('alter table only %s disable trigger %I', r.name, t.tgname),
         format(
           'alter table only %s enable %s trigger %I',
           r.name,
           case t.tgenabled when 'A' then 'always' else '' end,
           t.tgname
         )
       from relations as r
       join pg_catalog.pg_trigger as t on t.tgrelid = r.oid
       where not t.tgisinternal
         and t.tgenabled in ('O', 'A')
       union all
       select
         4,
         format('alter table %s no force row level security', r.name),
         format('alter table %s force row level security', r.name)
       from relations as r
     )
     select o.suspend, o.resume
     from obstacles as o
     order by o.step, o.suspend`,
    [schema],
  );
  return {
    suspend: rows.flatMap(({ suspend }) => suspend ?? []),
    resume: rows.map(({ resume }) => resume),
  };
}
