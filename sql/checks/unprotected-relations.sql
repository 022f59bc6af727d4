-- unprotected-relations.sql: tables of tenants without the third wall.
--
-- A row is a table without forced row-level security, or without exactly one policy, which
-- compares the context with the tenant role of its schema. There must be only one, because
-- PostgreSQL combines several policies with OR.
--
--   psql "$OWNER_DATABASE_URL" -f sql/checks/unprotected-relations.sql

with function_path as (
  -- How PostgreSQL prints the function depends on the path of the session.
  select
    coalesce(
      bool_or(pg_function_is_visible(p.oid)),
      false
    ) as on_path
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
  where n.nspname = 'tenancy'
    and p.proname = 'current_tenant'
),
tenant_schema as materialized (
  select
    n.oid,
    n.nspname,
    (
      select min(r.rolname)
      from aclexplode(n.nspacl) as a
      join pg_catalog.pg_roles as r on r.oid = a.grantee
      where a.privilege_type = 'USAGE'
        and r.rolname ~ '^t_[0-9a-f]{32}$'
      having count(*) = 1
    ) as role
  from pg_catalog.pg_namespace as n
  where n.nspowner = 'tenant_owner'::regrole
    and n.nspname <> 'tenancy_migrations'
),
policies as (
  select
    p.polrelid,
    count(*) as how_many,
    min(p.polname) as name,
    bool_and(p.polpermissive and p.polcmd = '*' and p.polroles = '{0}') as for_all,
    -- With the oid of the table, PostgreSQL opens it and keeps 10 kB for each in the backend. Only a
    -- policy with a column needs it.
    min(pg_get_expr(p.polqual, case when p.polqual::text ~ '{VAR ' then p.polrelid else 0 end)) as reads,
    min(
      pg_get_expr(p.polwithcheck, case when p.polwithcheck::text ~ '{VAR ' then p.polrelid else 0 end)
    ) as writes
  from pg_catalog.pg_policy as p
  group by p.polrelid
),
relation as (
  select
    c.oid,
    case c.relkind when 'S' then 'sequence' when 'v' then 'view' else 'table' end as kind,
    s.nspname,
    c.relname,
    c.relowner,
    c.relowner <> 'tenant_owner'::regrole as not_owned,
    c.relkind in ('r', 'p') and not c.relrowsecurity as open,
    c.relkind in ('r', 'p') and not c.relforcerowsecurity as not_forced,
    c.relkind in ('r', 'p') and p.how_many is null as without,
    p.how_many > 1 as several,
    p.how_many = 1
      and (
        p.for_all
        and coalesce(p.writes = p.reads, true)
        -- With or without a sub-select (Citus does not support one), and with any number of
        -- parentheses, which depends on the version of PostgreSQL.
        and replace(rtrim(regexp_replace(p.reads, '^[( ]*(SELECT [( ]*)?', ''), ')'), ' AS "?column?"', '') in (
          case when f.on_path then format('current_tenant() = %L::text', s.role) end,
          format('tenancy.current_tenant() = %L::text', s.role)
        )
      ) is not true as wrong,
    p.how_many,
    p.name
  from tenant_schema as s
  cross join function_path as f
  join pg_catalog.pg_class as c on c.relnamespace = s.oid
  left join policies as p on p.polrelid = c.oid and c.relkind in ('r', 'p')
  where c.relkind in ('r', 'p', 'v', 'S')
),
faulty as (
  select
    r.*,
    format('%I.%I', r.nspname, r.relname) as identity,
    format('set role tenant_owner; select tenancy.protect_schema(%L)', r.nspname) as protect
  from relation as r
  where (r.not_owned or r.open or r.not_forced or r.without or r.several or r.wrong)
    and (
      -- The sequence of a column belongs to its table.
      r.kind = 'sequence'
      and exists (
        select
        from pg_catalog.pg_depend as k
        where k.classid = 'pg_catalog.pg_class'::regclass
          and k.objid = r.oid
          and k.refclassid = 'pg_catalog.pg_class'::regclass
          and k.refobjsubid > 0
          and k.deptype in ('a', 'i')
      )
    ) is not true
)
select
  format('%s %s', r.kind, r.identity) as object,
  f.fault,
  f.remedy
from faulty as r
cross join lateral (
  values
    (
      r.not_owned,
      format('is owned by %s, which can disable its policy', r.relowner::regrole),
      format('alter %s %s owner to tenant_owner', r.kind, r.identity)
    ),
    (r.open, 'has no row-level security', r.protect),
    (r.not_forced, 'does not force row-level security on its owner', r.protect),
    (r.without, 'has no policy', r.protect),
    (
      r.several,
      format('has %s policies, and a row that any of them permits is visible', r.how_many),
      format('drop policy … on %s, all but same_tenant', r.identity)
    ),
    (
      r.wrong,
      format('has a policy, %s, that does not permit exactly the tenant of its schema', quote_ident(r.name)),
      format('drop policy %s on %s; %s', quote_ident(r.name), r.identity, r.protect)
    )
) as f (is_so, fault, remedy)
where f.is_so
order by object, fault;
