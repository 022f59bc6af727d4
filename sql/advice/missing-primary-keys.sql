-- missing-primary-keys.sql: tables of tenants without a primary key.
--
-- A row is a table without a primary key. Updates and deletes of it cannot be replicated, so an online
-- move rejects it unless it has `replica identity full`. One of two equal rows cannot be deleted alone.
--
-- The remedy is a migration, because a change in one tenant only would be drift.
--
--   psql "$OWNER_DATABASE_URL" -f sql/advice/missing-primary-keys.sql

select
  format('table %I.%I', n.nspname, c.relname) as object,
  'has no primary key' as fault,
  format(
    'write a tenant migration that adds a primary key to %1$I, of existing columns or of a new one: '
      'alter table %1$I add column … bigint generated always as identity primary key (this rewrites the whole table)',
    c.relname
  ) as remedy
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
