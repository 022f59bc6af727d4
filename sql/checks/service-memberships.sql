-- service-memberships.sql: role memberships that the service's login must not have.
--
--   :'service'   the login of DATABASE_URL
--
-- The login may be a member of tenant roles only, without the admin option, and has none of
-- their rights before SET ROLE. The latter is NOINHERIT of the login on PostgreSQL 15, and an
-- option of the membership from 16 on: so the column is read by its name in jsonb.
--
-- A login that administers the server needs its memberships and admin options. Use another
-- login for the service.
--
--   psql "$OWNER_DATABASE_URL" -v service=app -f sql/checks/service-memberships.sql

select
  format('role %I', r.rolname) as object,
  format(f.fault, :'service') as fault,
  case
    when a.is_administrator
      then 'set DATABASE_URL to a separate login, which `make migrate` creates; do not change this role'
    else format(f.remedy, r.rolname, :'service')
  end as remedy
from pg_catalog.pg_auth_members as m
join pg_catalog.pg_roles as s on s.oid = m.member
join pg_catalog.pg_roles as r on r.oid = m.roleid
cross join lateral (
  select
    s.rolsuper
    or s.rolcreaterole
    or s.rolcreatedb
    or exists (
      select
      from pg_catalog.pg_database as d
      where d.datdba = s.oid
    ) as is_administrator
) as a
cross join lateral (
  values
    (
      r.rolname !~ '^t_[0-9a-f]{32}$',
      'is not a tenant role and has the service''s login, %I, as a member',
      'revoke %1$I from %2$I'
    ),
    (
      m.admin_option,
      'may be granted to others by the service''s login, %I',
      'revoke admin option for %1$I from %2$I'
    ),
    (
      (to_jsonb(m) ->> 'inherit_option')::boolean is true,
      'gives its rights to the service''s login, %I, without SET ROLE',
      'grant %1$I to %2$I with inherit false'
    )
) as f (is_so, fault, remedy)
where s.rolname = :'service'
  and f.is_so
order by object, fault;
