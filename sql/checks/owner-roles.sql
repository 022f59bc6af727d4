-- owner-roles.sql: owner roles with more rights than an owner needs.
--
-- A row is an attribute or a membership that tenancy_owner, tenant_owner or global_owner must
-- not have. They cannot log in, and what runs with their rights (definer functions, foreign
-- keys) must be limited to their own objects.
--
--   psql "$OWNER_DATABASE_URL" -f sql/checks/owner-roles.sql

select
  format('role %I', r.rolname) as object,
  a.fault,
  format('alter role %I %s', r.rolname, a.remedy) as remedy
from pg_catalog.pg_roles as r
cross join lateral (
  values
    (r.rolcanlogin, 'can log in', 'nologin'),
    (r.rolsuper, 'is a superuser', 'nosuperuser'),
    (r.rolbypassrls, 'bypasses row-level security', 'nobypassrls'),
    (r.rolcreaterole, 'may create roles', 'nocreaterole'),
    (r.rolcreatedb, 'may create databases', 'nocreatedb'),
    (r.rolreplication, 'may read the whole cluster by replication', 'noreplication')
) as a (has, fault, remedy)
where r.rolname in ('tenancy_owner', 'tenant_owner', 'global_owner')
  and a.has

union all

select
  format('role %s', m.member::regrole),
  format('is a member of %s', m.roleid::regrole),
  format('revoke %s from %s', m.roleid::regrole, m.member::regrole)
from pg_catalog.pg_auth_members as m
where m.member in (
  select r.oid
  from pg_catalog.pg_roles as r
  where r.rolname in ('tenancy_owner', 'tenant_owner', 'global_owner')
)

order by object, fault;
