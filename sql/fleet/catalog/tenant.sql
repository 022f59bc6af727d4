-- tenant.sql: the schemas whose content is compared.
--
--   $1   names of tenants' schemas
--
-- src/tenancy/fleet/catalog.ts makes one query of the files of this folder: `tenant` and `relation`
-- are named subqueries, the files of facts/ are united, and comparable.sql selects from `fact`.

select
  n.oid,
  n.nspname as schema_name,
  n.nspowner,
  n.nspacl,
  t.role_name,
  -- The schema before a dot, quoted where PostgreSQL quotes it.
  format('(?<![[:alnum:]_$"])%s\.', quote_ident(n.nspname)) as prefix,
  -- The schema in the path that a function sets for itself, as pg_get_functiondef writes it.
  format('^( SET search_path TO (?:''[^'']*'', )*)''%s''', n.nspname) as own_path
from pg_catalog.pg_namespace as n
join public.tenants as t on t.schema_name = n.nspname
where n.nspname = any ($1)
