-- unindexed-foreign-keys.sql: foreign keys of tenants without an index on their own side.
--
-- A row is a foreign key whose columns are not the first ones of an index: each delete of a
-- referenced row scans the whole table while it holds locks.
--
-- The remedy is a migration: a change of one tenant would be drift. Creating an index in a
-- transaction blocks writes to the table until it is complete.
--
--   psql "$OWNER_DATABASE_URL" -f sql/advice/unindexed-foreign-keys.sql

select
  format('table %I.%I', n.nspname, c.relname) as object,
  format('has a foreign key, %I, without an index', k.conname) as fault,
  format(
    'write a %s migration, outside a transaction if the table is large: create index on %I (%s)',
    case when n.nspowner = 'tenant_owner'::regrole then 'tenant' else 'shared' end,
    c.relname,
    (
      select string_agg(quote_ident(a.attname), ', ' order by o.place)
      from unnest(k.conkey) with ordinality as o (attnum, place)
      join pg_catalog.pg_attribute as a on a.attrelid = k.conrelid and a.attnum = o.attnum
    )
  ) as remedy
from pg_catalog.pg_constraint as k
join pg_catalog.pg_class as c on c.oid = k.conrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where k.contype = 'f'
  and k.conparentid = 0
  and n.nspowner in ('tenant_owner'::regrole, 'tenancy_owner'::regrole)
  and not exists (
    select
    from pg_catalog.pg_index as i
    where i.indrelid = k.conrelid
      and i.indpred is null
      and (i.indkey::smallint[])[0:cardinality(k.conkey) - 1] @> k.conkey
  )
order by object, fault;
