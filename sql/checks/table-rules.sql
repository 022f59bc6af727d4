-- table-rules.sql: rules of tenants' tables and views.
--
-- A row is a rule. Its statements run with the rights of the table's owner, who owns the
-- tables of all tenants: only a policy would separate them. protect_schema rejects rules in
-- migrations, so these were created by other means.
--
--   psql "$OWNER_DATABASE_URL" -f sql/checks/table-rules.sql

select
  format('rule %I on %I.%I', w.rulename, n.nspname, c.relname) as object,
  'runs with the rights of the table owner, not of its caller' as fault,
  format(
    'replace what it does with a trigger, in a tenant migration; then drop rule %I on %I.%I',
    w.rulename,
    n.nspname,
    c.relname
  ) as remedy
from pg_catalog.pg_rewrite as w
join pg_catalog.pg_class as c on c.oid = w.ev_class
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspowner = 'tenant_owner'::regrole
  -- The rule that defines a view. sql/checks/leaky-views.sql checks the rights of views.
  and w.rulename <> '_RETURN'
order by object;
