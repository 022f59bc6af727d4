-- mutable-paths.sql: functions whose names are resolved with the caller's search_path or in
-- another schema.
--
-- A row is a function of schema tenancy, or of a tenant's schema, without its own search_path:
-- the caller decides which objects it uses. Or a tenant's function that is pinned to another
-- schema, as renaming the schema by hand leaves it: the next tenant with that name would be
-- used.
--
-- Ignores bodies that are bound at creation (`return`, `begin atomic`), and trigger functions
-- whose triggers are on tables of their own schema. These run with the rights of the
-- statement, so a path leads them only to objects that the statement itself may access (the
-- attack text-trigger-path). For SECURITY DEFINER functions see
-- sql/checks/security-definer-functions.sql.
--
-- Functions of tenants are changed in a migration: a change of one tenant would be drift. A
-- migration names no schema and uses `set search_path from current`: that path follows a
-- rename, and is not reported as drift. A function that is pinned to another schema is wrong in
-- one tenant only, and is fixed there. Functions of schema tenancy are those of the release.
--
--   psql "$OWNER_DATABASE_URL" -f sql/advice/mutable-paths.sql

with function as (
  select
    format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)) as identity,
    format(
      '%I(%s)',
      p.proname,
      replace(oidvectortypes(p.proargtypes), quote_ident(n.nspname) || '.', '')
    ) as signature,
    case p.prokind when 'p' then 'procedure' else 'function' end as kind,
    format('%I, pg_temp', n.nspname) as path,
    n.nspname,
    p.prosecdef,
    (
      select substr(s.setting, length('search_path=') + 1)
      from unnest(p.proconfig) as s (setting)
      where s.setting ~ '^search_path='
    ) as pinned,
    p.prosqlbody is not null as is_bound,
    p.prorettype = 'trigger'::regtype
      and not exists (
        select
        from pg_catalog.pg_trigger as t
        join pg_catalog.pg_class as c on c.oid = t.tgrelid
        where t.tgfoid = p.oid
          and c.relnamespace <> p.pronamespace
      ) as fires_in_own_schema
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
  join pg_catalog.pg_language as l on l.oid = p.prolang
  where (n.nspname = 'tenancy' or n.nspowner = 'tenant_owner'::regrole)
    and p.prokind in ('f', 'p')
    and l.lanname not in ('c', 'internal')
)
select
  format('%s %s', f.kind, f.identity) as object,
  o.fault,
  case
    when f.nspname = 'tenancy' then 'tenants migrate --reinstall'
    when o.is_renamed then format('alter %s %s set search_path = %s', f.kind, f.identity, f.path)
    else format('write a tenant migration: alter %s %s set search_path from current', f.kind, f.signature)
  end as remedy
from function as f
cross join lateral (
  values
    (
      f.pinned is null
        and not f.prosecdef
        and not f.is_bound
        and (f.nspname = 'tenancy' or not f.fires_in_own_schema),
      false,
      'resolves names on the path of its caller'
    ),
    (
      f.nspname <> 'tenancy'
        and exists (
          select
          from unnest(string_to_array(f.pinned, ',')) as p (schema)
          where trim(p.schema) not in ('pg_catalog', 'pg_temp', 'tenancy', 'extensions', quote_ident(f.nspname))
        ),
      true,
      format('resolves names in another schema than its own: %s', f.pinned)
    )
) as o (is_so, is_renamed, fault)
where o.is_so
order by object, fault;
