-- extensions-in-public.sql: extensions whose objects lie in schema public.
--
-- A row is an extension that a schema of its own would keep apart: who is ever
-- granted public gets its functions too.
--
--   psql "$OWNER_DATABASE_URL" -f sql/advice/extensions-in-public.sql

select
  format('extension %I', e.extname) as object,
  'lies in schema public' as fault,
  format(
    'create schema if not exists extensions; alter extension %I set schema extensions',
    e.extname
  ) as remedy
from pg_catalog.pg_extension as e
join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
where n.nspname = 'public'
  and e.extrelocatable
order by object;
