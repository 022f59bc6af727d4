-- unexpected-members.sql: other roles that can become an owner, or a tenant of this database.
--
--   :'service'   the login of DATABASE_URL
--
-- A row is a role that may connect here and is a member of tenancy_owner, tenant_owner or a
-- tenant's role. Ignored are the service's logins, the login that runs this query (the
-- migrating login), the owner of the database, and superusers. An owner can replace functions
-- of schema tenancy and disable policies. Advice only, because there may be a reason.
--
--   psql "$OWNER_DATABASE_URL" -v service=app -f sql/advice/unexpected-members.sql

with here as (
  select d.oid, d.datdba
  from pg_catalog.pg_database as d
  where d.datname = current_database()
),
privileged as (
  select r.oid, r.rolname
  from pg_catalog.pg_roles as r
  where r.rolname in ('tenancy_owner', 'tenant_owner', 'global_owner')

  union

  select r.oid, r.rolname
  from pg_catalog.pg_namespace as n
  cross join lateral aclexplode(n.nspacl) as a
  join pg_catalog.pg_roles as r on r.oid = a.grantee
  where n.nspowner = 'tenant_owner'::regrole
    and r.rolname ~ '^t_[0-9a-f]{32}$'
)
select
  format('role %I', s.rolname) as object,
  format('may become %I, which only the migrating login and the service should', w.rolname) as fault,
  format('if it neither migrates nor administers tenants: revoke %I from %I', w.rolname, s.rolname) as remedy
from pg_catalog.pg_auth_members as m
join privileged as w on w.oid = m.roleid
join pg_catalog.pg_roles as s on s.oid = m.member
cross join here as h
where s.rolname not in (current_user, :'service')
  and s.rolname not in (
    select l.login
    from tenancy.lane_logins as l
  )
  and s.oid <> h.datdba
  and not s.rolsuper
  -- Roles belong to the cluster. A login of another database cannot connect here.
  and (s.rolcanlogin and not has_database_privilege(s.oid, h.oid, 'connect')) is not true
order by object, fault;
