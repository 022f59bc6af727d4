-- extensions-in-public.sql: extensions whose objects are in schema public.
--
--   :'extensions'   the text of sql/extensions.txt
--
-- A row is an extension that should have its own schema: every role with rights on public can
-- call its functions. Those of sql/extensions.txt move to the schema that is on the path of
-- tenants; no other extension may be in it. Statements, and bodies of functions, that find an
-- object of the extension on their path do not find it in the new schema: PostgreSQL records
-- no such dependency.
--
--   psql "$OWNER_DATABASE_URL" -v extensions="$(cat sql/extensions.txt)" -f sql/advice/extensions-in-public.sql

select
  format('extension %I', e.extname) as object,
  'is in schema public' as fault,
  case
    when 'extension ' || e.extname = any (regexp_split_to_array(:'extensions', '\n')) then
      format(
        'if nothing but tenants uses it: alter extension %I set schema extensions, then tenants migrate --reinstall',
        e.extname
      )
    else format(
      'create schema %1$I; add it to the search_path of the roles that use the extension; '
        'then alter extension %1$I set schema %1$I',
      e.extname
    )
  end as remedy
from pg_catalog.pg_extension as e
join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
where n.nspname = 'public'
  and e.extrelocatable
order by object;
