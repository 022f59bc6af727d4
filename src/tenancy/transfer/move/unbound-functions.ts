import type pg from 'pg';

/** A function that names an object without its schema, and what calls it. */
export type UnboundFunction = Readonly<{ identity: string; name: string; used: string }>;

/**
 * Returns a function that PostgreSQL evaluates while changes are applied, with an empty path, and that
 * needs a path to find an object. Searches its text, because PostgreSQL does not record the names in a
 * function body. Bodies that are bound at creation (`return`, `begin atomic`) and functions with their
 * own path are accepted.
 */
export async function findUnboundFunction(
  client: pg.Client,
  schema: string,
): Promise<UnboundFunction | null> {
  const { rows } = await client.query<UnboundFunction>(
    `with recursive relations as materialized (
       select c.oid, c.relname
       from pg_catalog.pg_namespace as n
       join pg_catalog.pg_class as c on c.relnamespace = n.oid
       where n.nspname = $1
     ),
     -- Generated columns, constraints, index expressions and predicates, domains, operators: what rows are checked with.
     evaluated as (
       select d.classid, d.objid, format('%s.%s', r.relname, a.attname) as used
       from relations as r
       join pg_catalog.pg_attribute as a on a.attrelid = r.oid and a.attgenerated <> ''
       join pg_catalog.pg_attrdef as e on e.adrelid = a.attrelid and e.adnum = a.attnum
       join pg_catalog.pg_depend as d on d.classid = 'pg_catalog.pg_attrdef'::regclass and d.objid = e.oid
       union
       select 'pg_catalog.pg_constraint'::regclass, k.oid, k.conname
       from pg_catalog.pg_namespace as n
       join pg_catalog.pg_constraint as k on k.connamespace = n.oid and k.contype in ('c', 'x')
       where n.nspname = $1
       union
       select 'pg_catalog.pg_class'::regclass, r.oid, r.relname
       from relations as r
       join pg_catalog.pg_index as i on i.indexrelid = r.oid
       union
       -- What those depend on: functions, operators and types, and what these depend on.
       select d.refclassid, d.refobjid, e.used
       from evaluated as e
       join pg_catalog.pg_depend as d on d.classid = e.classid and d.objid = e.objid
       where d.refclassid in (
         'pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_operator'::regclass, 'pg_catalog.pg_opclass'::regclass,
         'pg_catalog.pg_opfamily'::regclass
       )
     ),
     -- What the path finds: of the tenant, and of extensions.
     names as (
       select r.relname as name
       from relations as r
       union
       select f.proname
       from pg_catalog.pg_proc as f
       join pg_catalog.pg_namespace as n on n.oid = f.pronamespace
       where n.nspname in ($1, 'extensions')
       union
       select y.typname
       from pg_catalog.pg_type as y
       join pg_catalog.pg_namespace as n on n.oid = y.typnamespace
       where n.nspname in ($1, 'extensions')
         and y.typname !~ '^_'
     )
     select distinct f.oid::regprocedure::text as identity, m.name, e.used
     from evaluated as e
     join pg_catalog.pg_proc as f on f.oid = e.objid and e.classid = 'pg_catalog.pg_proc'::regclass
     join pg_catalog.pg_namespace as n on n.oid = f.pronamespace and n.nspname = $1
     join pg_catalog.pg_language as l on l.oid = f.prolang and l.lanname not in ('c', 'internal')
     join names as m on position(lower(m.name) in lower(f.prosrc)) > 0
     where f.prosqlbody is null
       and not exists (
         select
         from unnest(f.proconfig) as c (setting)
         where c.setting like 'search\\_path=%'
       )
       -- As a word, and not with a schema.
       and regexp_replace(f.prosrc, '--[^\\n]*|/\\*([^*]|\\*+[^*/])*\\*+/', ' ', 'g')
         ~* format('(^|[^.[:alnum:]_$"]|[^.]")%s([^[:alnum:]_$]|$)', regexp_replace(m.name, '([^[:alnum:]_])', '\\\\\\1', 'g'))
     order by identity, used, m.name
     limit 1`,
    [schema],
  );
  return rows[0] ?? null;
}
