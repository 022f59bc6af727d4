-- service-memberships.sql: roles that the service's login could become, and must not.
--
--   :'service'   the login of DATABASE_URL
--
-- The login is a member of tenant roles and of nothing else, may hand none of
-- them on, and has none of their rights before SET ROLE. PostgreSQL 15 keeps the
-- last in the login's NOINHERIT, 16 and later in the membership itself: hence the
-- column by its name in jsonb.
--
--   psql "$OWNER_DATABASE_URL" -v service=app -f sql/checks/service-memberships.sql

select
  format('role %I', r.rolname) as object,
  format(f.fault, :'service') as fault,
  format(f.remedy, r.rolname, :'service') as remedy
from pg_catalog.pg_auth_members as m
join pg_catalog.pg_roles as s on s.oid = m.member
join pg_catalog.pg_roles as r on r.oid = m.roleid
cross join lateral (
  values
    (
      r.rolname !~ '^t_[0-9a-f]{32}$',
      'is no tenant role and has the service''s login, %I, as a member',
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
