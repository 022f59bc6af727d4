-- service-memberships.sql: role memberships that the service's login must not have.
--
--   :'service'   the login of DATABASE_URL
--
-- The login may be a member of tenant roles only, without the admin option, and has none of
-- their rights before SET ROLE. The latter is NOINHERIT of the login on PostgreSQL 15, and an
-- option of the membership from 16 on.
--
-- A login that administers the server needs its memberships and admin options. Use another
-- login for the service.
--
--   psql "$OWNER_DATABASE_URL" -v service=app -f sql/checks/service-memberships.sql

-- The query runs before the service listens, with any number of tenants. A lookup of the name of each role, or a jsonb of
-- each membership, would take most of the time of all checks that run then.

with service as (
  select
    s.oid,
    s.rolsuper
    or s.rolcreaterole
    or s.rolcreatedb
    or exists (
      select
      from pg_catalog.pg_database as d
      where d.datdba = s.oid
    ) as is_administrator
  from pg_catalog.pg_roles as s
  where s.rolname = :'service'
),
granted as (
  select m.*
  from (values (false)) as older (inherit_option)
  cross join lateral (
    select
      a.roleid,
      a.admin_option,
      -- Without the alias of the table: PostgreSQL 15 has no such column, and the name is then that of "older".
      inherit_option as inherits,
      a.roleid in (
        select t.oid
        from pg_catalog.pg_roles as t
        -- The pattern with {32} takes four times as long.
        where t.rolname ~ '^t_[0-9a-f]+$'
          and length(t.rolname) = 34
      ) as is_tenant
    from pg_catalog.pg_auth_members as a
    where a.member = (select s.oid from service as s)
  ) as m
  where m.admin_option
    or m.inherits
    or not m.is_tenant
)
select
  format('role %I', r.rolname) as object,
  format(f.fault, :'service') as fault,
  case
    when s.is_administrator
      then 'set DATABASE_URL to a separate login, which `make migrate` creates; do not change this role'
    else format(f.remedy, r.rolname, :'service')
  end as remedy
from granted as g
join pg_catalog.pg_roles as r on r.oid = g.roleid
cross join service as s
cross join lateral (
  values
    (
      not g.is_tenant,
      'is not a tenant role and has the service''s login, %I, as a member',
      'revoke %1$I from %2$I'
    ),
    (
      g.admin_option,
      'may be granted to others by the service''s login, %I',
      'revoke admin option for %1$I from %2$I'
    ),
    (
      g.inherits,
      'gives its rights to the service''s login, %I, without SET ROLE',
      'grant %1$I to %2$I with inherit false'
    )
) as f (is_so, fault, remedy)
where f.is_so
order by object, fault;
