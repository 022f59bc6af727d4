-- role-settings.sql: unexpected settings that a new session begins with.
--
--   :'service'   the login of DATABASE_URL
--
-- A row is a setting that is stored for the service's login, for a tenant role or for an owner,
-- or a setting that is stored for all roles and affects the walls. Every session of the login can
-- store settings for it. After "alter role … set role" the service could not connect.
--
-- A setting of all roles may be needed by another application of the server.
--
-- temp_file_limit of the service's login is expected: see sql/advice/temporary-files.sql.
--
--   psql "$OWNER_DATABASE_URL" -v service=app -f sql/checks/role-settings.sql

select
  case
    when s.setrole = 0 and s.setdatabase = 0 then 'role all'
    when s.setrole = 0 then format('database %I', d.datname)
    else format('role %I', r.rolname)
  end as object,
  format('begins every session with %s', c.setting) as fault,
  case
    when s.setrole = 0 then 'store it for the roles that need it, then '
    else ''
  end || format(
    'alter %s reset %s',
    case
      when s.setrole = 0 and s.setdatabase = 0 then 'role all'
      when s.setrole = 0 then format('database %I', d.datname)
      when s.setdatabase = 0 then format('role %I', r.rolname)
      else format('role %I in database %I', r.rolname, d.datname)
    end,
    split_part(c.setting, '=', 1)
  ) as remedy
from pg_catalog.pg_db_role_setting as s
left join pg_catalog.pg_roles as r on r.oid = s.setrole
left join pg_catalog.pg_database as d on d.oid = s.setdatabase
cross join lateral unnest(s.setconfig) as c (setting)
where (s.setdatabase = 0 or d.datname = current_database())
  and (
    (r.rolname = :'service' and split_part(c.setting, '=', 1) <> 'temp_file_limit')
    or r.rolname in ('tenancy_owner', 'tenant_owner', 'global_owner')
    or r.rolname ~ '^t_[0-9a-f]{32}$'
    or (
      s.setrole = 0
      and split_part(c.setting, '=', 1) in (
        'role', 'session_authorization', 'search_path', 'row_security', 'session_replication_role',
        'session_preload_libraries', 'local_preload_libraries', 'lo_compat_privileges',
        'backtrace_functions', 'tenancy.context'
      )
    )
  )
order by object, fault;
