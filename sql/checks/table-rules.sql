-- table-rules.sql: rules of tenants' tables and views.
--
-- A row is a rule. Its statements run with the rights of who owns the table, who
-- owns the tables of all tenants: a policy alone would stand between them.
-- protect_schema refuses it in migrations; these were made past it.
--
--   psql "$OWNER_DATABASE_URL" -f sql/checks/table-rules.sql

select
  format('rule %I on %I.%I', w.rulename, n.nspname, c.relname) as object,
  'runs with the rights of who owns the table, and not of its caller' as fault,
  format('drop rule %I on %I.%I', w.rulename, n.nspname, c.relname) as remedy
from pg_catalog.pg_rewrite as w
join pg_catalog.pg_class as c on c.oid = w.ev_class
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspowner = 'tenant_owner'::regrole
  -- What makes a view one: sql/checks/leaky-views.sql asks for its rights.
  and w.rulename <> '_RETURN'
order by object;
