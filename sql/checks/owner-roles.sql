-- owner-roles.sql: the owners, when they are more than owners.
--
-- A row is an attribute or a membership that tenancy_owner, tenant_owner or global_owner must
-- not have: nobody logs in as them, and what they run for others (definer
-- functions, foreign keys) must not be able to do more than their own objects ask.
--
--   psql "$OWNER_DATABASE_URL" -f sql/checks/owner-roles.sql

select
  format('role %I', r.rolname) as object,
  a.fault,
  format('alter role %I %s', r.rolname, a.mended) as remedy
from pg_catalog.pg_roles as r
cross join lateral (
  values
    (r.rolcanlogin, 'can log in', 'nologin'),
    (r.rolsuper, 'is a superuser', 'nosuperuser'),
    (r.rolbypassrls, 'walks past row-level security', 'nobypassrls'),
    (r.rolcreaterole, 'may create roles', 'nocreaterole'),
    (r.rolcreatedb, 'may create databases', 'nocreatedb'),
    (r.rolreplication, 'may read the whole cluster by replication', 'noreplication')
) as a (has, fault, mended)
where r.rolname in ('tenancy_owner', 'tenant_owner', 'global_owner')
  and a.has

union all

select
  format('role %s', m.member::regrole),
  format('is a member of %s', m.roleid::regrole),
  format('revoke %s from %s', m.roleid::regrole, m.member::regrole)
from pg_catalog.pg_auth_members as m
where m.member::regrole::text in ('tenancy_owner', 'tenant_owner', 'global_owner')

order by object, fault;
