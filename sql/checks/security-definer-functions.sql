-- security-definer-functions.sql: functions that run with more than their caller's rights.
--
-- A row is a SECURITY DEFINER function outside schema tenancy; or one in it that is not owned
-- by tenancy_owner, or has no fixed path with pg_temp as its last entry (if omitted, pg_temp
-- is searched first).
--
-- Callers may lack the rights that a function needs (a function that a pooler uses to look up
-- passwords, for example), so the remedy outside schema tenancy has a condition.
--
--   psql "$OWNER_DATABASE_URL" -f sql/checks/security-definer-functions.sql

with definer as (
  select
    n.nspname,
    format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)) as identity,
    p.prokind,
    p.proowner,
    (
      select bool_or(setting ~ '^search_path=.*pg_temp$')
      from unnest(p.proconfig) as setting
    ) as pinned
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
  where p.prosecdef
    and n.nspname not in ('pg_catalog', 'information_schema')
)
select
  format('function %s', d.identity) as object,
  f.fault,
  format(f.remedy, case d.prokind when 'p' then 'procedure' else 'function' end, d.identity) as remedy
from definer as d
cross join lateral (
  values
    (
      d.nspname <> 'tenancy',
      format('runs with the rights of %s, outside schema tenancy', d.proowner::regrole),
      'if every caller has the rights that it needs: alter %s %s security invoker; otherwise move it to another database'
    ),
    (
      d.nspname = 'tenancy' and d.proowner <> 'tenancy_owner'::regrole,
      format('runs with the rights of %s and not of tenancy_owner', d.proowner::regrole),
      'alter %s %s owner to tenancy_owner'
    ),
    (
      d.nspname = 'tenancy' and d.pinned is not true,
      'runs with the rights of its owner on the path of its caller',
      'alter %s %s set search_path = pg_catalog, pg_temp'
    )
) as f (is_so, fault, remedy)
where f.is_so
order by object, fault;
