-- service-privileges.sql: attributes of the service's login that bypass the walls.
--
--   :'service'   the login of DATABASE_URL
--
-- A row is an attribute that the login must not have. A superuser and a BYPASSRLS role bypass
-- forced policies too. A login that inherits has its tenants' rights without entering one.
--
-- A role that administers the server or owns a database must not be changed: the installation
-- or the server could break. Use another login for the service.
--
--   psql "$OWNER_DATABASE_URL" -v service=app -f sql/checks/service-privileges.sql

select
  format('role %I', r.rolname) as object,
  a.fault,
  case
    when u.is_administrator
      then 'set DATABASE_URL to a separate login, which `make migrate` creates; do not change this role'
    else format('alter role %I %s', r.rolname, a.remedy)
  end as remedy
from pg_catalog.pg_roles as r
cross join lateral (
  values
    (r.rolsuper, 'is a superuser', 'nosuperuser'),
    (r.rolbypassrls, 'bypasses row-level security', 'nobypassrls'),
    (r.rolcreaterole, 'may create roles', 'nocreaterole'),
    (r.rolcreatedb, 'may create databases', 'nocreatedb'),
    (r.rolreplication, 'may read the whole cluster by replication', 'noreplication'),
    (r.rolinherit, 'inherits the rights of its tenant roles', 'noinherit')
) as a (has, fault, remedy)
cross join lateral (
  select
    -- The role that initdb created.
    r.oid = 10
    or exists (
      select
      from pg_catalog.pg_database as d
      where d.datdba = r.oid
    )
    or r.rolsuper
    and not exists (
      select
      from pg_catalog.pg_roles as o
      where o.rolsuper
        and o.rolcanlogin
        and o.oid <> r.oid
    ) as is_administrator
) as u
where r.rolname = :'service'
  and a.has

union all

select
  format('role %I', :'service'),
  'does not exist',
  'make migrate'
where not exists (
  select
  from pg_catalog.pg_roles as r
  where r.rolname = :'service'
)

order by object, fault;
