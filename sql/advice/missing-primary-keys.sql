-- missing-primary-keys.sql: tables of tenants without a primary key.
--
-- A row is a table whose rows have no identity: it cannot be replicated, and one of two equal
-- rows cannot be deleted alone.
--
--   psql "$OWNER_DATABASE_URL" -f sql/advice/missing-primary-keys.sql

select
  format('table %I.%I', n.nspname, c.relname) as object,
  'has no primary key' as fault,
  format('alter table %I.%I add column id bigint generated always as identity primary key', n.nspname, c.relname) as remedy
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p')
  and not c.relispartition
  and n.nspowner = 'tenant_owner'::regrole
  and not exists (
    select
    from pg_catalog.pg_constraint as k
    where k.conrelid = c.oid
      and k.contype = 'p'
  )
order by object;
