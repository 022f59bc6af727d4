-- crossing-relations.sql: tables of tenants that are tied to a table of another schema.
--
-- A row is a foreign key, a partition or a child table that crosses schemas. A foreign key
-- reads and cascades past every policy, even a forced one. A query of a parent applies the
-- parent's policy to the rows of its children, and not theirs.
--
--   psql "$OWNER_DATABASE_URL" -f sql/checks/crossing-relations.sql

with tenant_schema as (
  select n.oid
  from pg_catalog.pg_namespace as n
  where n.nspowner = 'tenant_owner'::regrole
    and n.nspname <> 'tenancy_migrations'
),
tie as (
  select k.conrelid as child, k.confrelid as parent, k.conname as foreign_key
  from pg_catalog.pg_constraint as k
  where k.contype = 'f'

  union all

  select i.inhrelid, i.inhparent, null
  from pg_catalog.pg_inherits as i
),
crossing as (
  select
    t.foreign_key,
    c.relispartition,
    format('%I.%I', cn.nspname, c.relname) as child,
    format('%I.%I', pn.nspname, p.relname) as parent
  from tie as t
  join pg_catalog.pg_class as c on c.oid = t.child
  join pg_catalog.pg_class as p on p.oid = t.parent
  join pg_catalog.pg_namespace as cn on cn.oid = c.relnamespace
  join pg_catalog.pg_namespace as pn on pn.oid = p.relnamespace
  where cn.oid <> pn.oid
    and (
      cn.oid in (select s.oid from tenant_schema as s)
      or pn.oid in (select s.oid from tenant_schema as s)
    )
)
select
  format('table %s', c.child) as object,
  case
    when c.foreign_key is null then format('is a part of %s in another schema', c.parent)
    else format('has a foreign key, %s, to %s in another schema', quote_ident(c.foreign_key), c.parent)
  end as fault,
  case
    when c.foreign_key is not null then
      format('alter table %s drop constraint %s', c.child, quote_ident(c.foreign_key))
    when c.relispartition then format('alter table %s detach partition %s', c.parent, c.child)
    else format('alter table %s no inherit %s', c.child, c.parent)
  end as remedy
from crossing as c
order by object, fault;
