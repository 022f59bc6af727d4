-- guard-parameter.sql: rights to set the tenant context without tenancy.enter, and a context that is
-- set outside a transaction.
--
-- In context mode guarded, the context is stored in the setting backtrace_functions, because only
-- superusers and roles with a grant may change it: docs/isolation.md#context-modes.
--
-- A row is a grant on this setting to a role other than tenancy_owner and superusers, or a value
-- that the setting has before a transaction enters a tenant.
--
--   psql "$OWNER_DATABASE_URL" -f sql/checks/guard-parameter.sql

select
  'parameter backtrace_functions' as object,
  format(
    '%s may be used by %s',
    a.privilege_type,
    case when a.grantee = 0 then 'PUBLIC' else a.grantee::regrole::text end
  ) as fault,
  format(
    'revoke %s on parameter backtrace_functions from %s',
    lower(a.privilege_type),
    case when a.grantee = 0 then 'public' else a.grantee::regrole::text end
  ) as remedy
from pg_catalog.pg_parameter_acl as p
cross join lateral aclexplode(p.paracl) as a
left join pg_catalog.pg_roles as r on r.oid = a.grantee
where p.parname = 'backtrace_functions'
  and r.rolsuper is not true
  and (r.rolname = 'tenancy_owner' and a.privilege_type = 'SET' and not a.is_grantable) is not true
  -- Grants on parameters apply to the whole cluster. A login that cannot connect to this database is no risk.
  and (r.rolcanlogin and not has_database_privilege(r.oid, current_database(), 'connect')) is not true

union all

select
  'parameter backtrace_functions',
  format('is set to %L outside a tenant', s.reset_val),
  'alter system reset backtrace_functions; select pg_reload_conf()'
from pg_catalog.pg_settings as s
where s.name = 'backtrace_functions'
  and s.reset_val <> ''

order by fault;
