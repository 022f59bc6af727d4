-- global-tables.sql: global tables that a tenant could write or lock, or whose use by other
-- tenants it could observe.
--
-- A row is a right in the schema global other than SELECT on a column; an object with another
-- owner than global_owner; a view with its owner's rights, a materialized view, a foreign
-- table or a rule; or a foreign key or a partition of another schema (it locks shared rows,
-- and reveals to one tenant which rows another refers to). SELECT on a table includes the
-- system columns, of which xmax shows which transaction locks a row. For SECURITY DEFINER
-- functions see security-definer-functions.sql.
--
-- Revoking SELECT on a table also revokes it on the columns, so protect_global grants it again.
--
--   psql "$OWNER_DATABASE_URL" -f sql/checks/global-tables.sql

with relation as (
  select
    c.oid,
    case c.relkind
      when 'S' then 'sequence'
      when 'v' then 'view'
      when 'm' then 'materialized view'
      when 'f' then 'foreign table'
      else 'table'
    end as kind,
    format('%I.%I', n.nspname, c.relname) as identity,
    c.relkind,
    c.relowner,
    c.relacl,
    c.reloptions
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  where n.nspname = 'global'
    and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
),
granted as (
  select
    r.kind,
    r.identity,
    r.relowner as owner,
    a.grantee,
    a.privilege_type as privilege,
    ''::text as column_name
  from relation as r
  cross join lateral aclexplode(r.relacl) as a

  union all

  select
    r.kind,
    r.identity,
    r.relowner,
    a.grantee,
    a.privilege_type,
    format(' (%I)', t.attname)
  from relation as r
  join pg_catalog.pg_attribute as t on t.attrelid = r.oid and t.attacl is not null
  cross join lateral aclexplode(t.attacl) as a
  where a.privilege_type <> 'SELECT'
    or a.is_grantable

  union all

  select
    'function',
    format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)),
    p.proowner,
    a.grantee,
    a.privilege_type,
    ''
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
  cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
  where n.nspname = 'global'

  union all

  select
    'schema',
    n.nspname,
    n.nspowner,
    a.grantee,
    a.privilege_type,
    ''
  from pg_catalog.pg_namespace as n
  cross join lateral aclexplode(n.nspacl) as a
  where n.nspname = 'global'
    and a.privilege_type <> 'USAGE'
),
tie as (
  select k.conrelid as child, k.confrelid as parent, k.conname as foreign_key
  from pg_catalog.pg_constraint as k
  where k.contype = 'f'

  union all

  select i.inhrelid, i.inhparent, null
  from pg_catalog.pg_inherits as i
)
select
  format('%s %s', g.kind, g.identity) as object,
  format('gives %s%s to %s', g.privilege, g.column_name, w.who) as fault,
  format(
    'revoke %s%s on %s %s from %s',
    lower(g.privilege),
    g.column_name,
    case when g.kind in ('view', 'materialized view', 'foreign table') then 'table' else g.kind end,
    g.identity,
    w.who
  )
    || case
      when g.grantee = 0 and g.privilege = 'SELECT'
        then '; set role global_owner; select tenancy.protect_global()'
      else ''
    end as remedy
from granted as g
cross join lateral (
  select case when g.grantee = 0 then 'PUBLIC' else g.grantee::regrole::text end as who
) as w
where g.grantee <> g.owner

union all

select
  format('%s %s', r.kind, r.identity),
  format('belongs to %s and not to global_owner', r.relowner::regrole),
  format('alter %s %s owner to global_owner', r.kind, r.identity)
from relation as r
where r.relowner::regrole::text <> 'global_owner'
  -- The sequence of a column belongs to its table.
  and not exists (
    select
    from pg_catalog.pg_depend as k
    where k.classid = 'pg_catalog.pg_class'::regclass
      and k.objid = r.oid
      and k.refclassid = 'pg_catalog.pg_class'::regclass
      and k.refobjsubid > 0
      and k.deptype in ('a', 'i')
  )

union all

select
  format('schema %I', n.nspname),
  format('belongs to %s and not to global_owner', n.nspowner::regrole),
  format('alter schema %I owner to global_owner', n.nspname)
from pg_catalog.pg_namespace as n
where n.nspname = 'global'
  and n.nspowner::regrole::text <> 'global_owner'

union all

select
  format('%s %s', r.kind, r.identity),
  'runs with the rights of its owner',
  format('alter view %s set (security_invoker = true)', r.identity)
from relation as r
where r.relkind = 'v'
  and not exists (
    select
    from pg_options_to_table(r.reloptions) as o
    where o.option_name = 'security_invoker'
      and o.option_value::boolean
  )

union all

select
  format('%s %s', r.kind, r.identity),
  'cannot be granted by column',
  format('replace it with a table, in a migration; then drop %s %s', r.kind, r.identity)
from relation as r
where r.relkind in ('m', 'f')

union all

select
  format('%s %s', r.kind, r.identity),
  format('has a rule, %I, which runs with its owner''s rights', w.rulename),
  format('replace what it does with a trigger, in a migration; then drop rule %I on %s', w.rulename, r.identity)
from relation as r
join pg_catalog.pg_rewrite as w on w.ev_class = r.oid and w.rulename <> '_RETURN'

union all

select
  format('table %I.%I', cn.nspname, c.relname),
  case
    when t.foreign_key is null then format('is a part of %I.%I in another schema', pn.nspname, p.relname)
    else format('has a foreign key, %I, to %I.%I in another schema', t.foreign_key, pn.nspname, p.relname)
  end,
  case
    when t.foreign_key is not null then
      format('alter table %I.%I drop constraint %I', cn.nspname, c.relname, t.foreign_key)
    when c.relispartition then
      format('alter table %I.%I detach partition %I.%I', pn.nspname, p.relname, cn.nspname, c.relname)
    else format('alter table %I.%I no inherit %I.%I', cn.nspname, c.relname, pn.nspname, p.relname)
  end
from tie as t
join pg_catalog.pg_class as c on c.oid = t.child
join pg_catalog.pg_class as p on p.oid = t.parent
join pg_catalog.pg_namespace as cn on cn.oid = c.relnamespace
join pg_catalog.pg_namespace as pn on pn.oid = p.relnamespace
where cn.oid <> pn.oid
  and 'global' in (cn.nspname, pn.nspname)
  -- For those of tenants see crossing-relations.sql.
  and cn.nspowner::regrole::text <> 'tenant_owner'

order by object, fault;
