-- leaky-views.sql: relations of tenants that no policy protects.
--
-- A row is a view that runs with its owner's rights, a materialized view or a foreign table.
-- protect_schema rejects them in migrations, so these were created by other means.
--
--   psql "$OWNER_DATABASE_URL" -f sql/checks/leaky-views.sql

select
  format('%s %I.%I', k.kind, n.nspname, c.relname) as object,
  k.fault,
  case c.relkind
    when 'v' then format('alter view %I.%I set (security_invoker = true)', n.nspname, c.relname)
    else format(
      'replace it, in a tenant migration, with a table or with a view that has security_invoker; then drop %s %I.%I',
      k.kind,
      n.nspname,
      c.relname
    )
  end as remedy
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join (
  values
    ('v', 'view', 'runs with the rights of its owner'),
    ('m', 'materialized view', 'stores rows that no policy protects'),
    ('f', 'foreign table', 'reads rows that no policy protects')
) as k (relkind, kind, fault) on k.relkind = c.relkind::text
where n.nspowner = 'tenant_owner'::regrole
  and n.nspname <> 'tenancy_migrations'
  and (
    c.relkind = 'v'
    and exists (
      select
      from pg_options_to_table(c.reloptions) as o
      where o.option_name = 'security_invoker'
        and o.option_value::boolean
    )
  ) is not true
order by object;
