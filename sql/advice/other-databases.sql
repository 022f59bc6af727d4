-- other-databases.sql: databases of the cluster that the service's login may connect to.
--
--   :'service'   the login of DATABASE_URL
--
-- A row is a database that is not hardened. With a stolen password, the login can read the
-- activity of the whole cluster there, and terminate the service's connections.
-- sql/shared/schemas.sql closes template1. Other databases may have their own users, which
-- need a grant before PUBLIC loses the right.
--
--   psql "$OWNER_DATABASE_URL" -v service=app -f sql/advice/other-databases.sql

select
  format('database %I', d.datname) as object,
  format('lets the service''s login, %I, connect', r.rolname) as fault,
  format(
    'grant connect on database %1$I to each login that uses it, then revoke connect on database %1$I from public',
    d.datname
  ) as remedy
from pg_catalog.pg_database as d
join pg_catalog.pg_roles as r on r.rolname = :'service'
where d.datname <> current_database()
  and d.datallowconn
  and has_database_privilege(r.oid, d.oid, 'connect')
order by object;
