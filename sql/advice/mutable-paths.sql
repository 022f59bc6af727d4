-- mutable-paths.sql: functions that look their names up on the path of their caller.
--
-- A row is a function of schema tenancy, or of a tenant's schema, without a
-- search_path of its own: what it names is found where its caller says. Not asked
-- of a body that was bound when it was made (`return`, `begin atomic`), nor of a
-- tenant's triggers, which fire on the path that the tenant's statement has. Of
-- SECURITY DEFINER functions sql/checks/security-definer-functions.sql asks more.
--
--   psql "$OWNER_DATABASE_URL" -f sql/advice/mutable-paths.sql

with loose as (
  select
    format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)) as identity,
    case p.prokind when 'p' then 'procedure' else 'function' end as kind,
    case
      when n.nspname = 'tenancy' then 'pg_catalog, pg_temp'
      else format('%I, pg_temp', n.nspname)
    end as path
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
  join pg_catalog.pg_language as l on l.oid = p.prolang
  where (n.nspname = 'tenancy' or n.nspowner = 'tenant_owner'::regrole)
    and p.prokind in ('f', 'p')
    and not p.prosecdef
    and p.prosqlbody is null
    and (n.nspname = 'tenancy' or p.prorettype <> 'trigger'::regtype)
    and l.lanname not in ('c', 'internal')
    and not exists (
      select
      from unnest(p.proconfig) as setting
      where setting ~ '^search_path='
    )
)
select
  format('%s %s', l.kind, l.identity) as object,
  'looks names up on the path of its caller' as fault,
  format('alter %s %s set search_path = %s', l.kind, l.identity, l.path) as remedy
from loose as l
order by object;
