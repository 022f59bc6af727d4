-- tenant-role-rights.sql: tenant roles with rights outside their own schema.
--
-- A row is a right of a tenant role on an object outside its own schema; TRUNCATE, REFERENCES,
-- TRIGGER or MAINTAIN, which ignore policies; or a tenant role that can log in, is a member of
-- another role, or owns an object.
--
-- A schema belongs to the tenant that its policies name, and an empty schema to the only
-- tenant role with USAGE.
--
--   psql "$OWNER_DATABASE_URL" -f sql/checks/tenant-role-rights.sql

with tenant_role as (
  select r.oid, r.rolname, r.rolcanlogin, r.rolsuper, r.rolbypassrls, r.rolcreaterole, r.rolcreatedb, r.rolreplication
  from pg_catalog.pg_roles as r
  where r.rolname ~ '^t_[0-9a-f]{32}$'
),
here as (
  select b.oid
  from pg_catalog.pg_database as b
  where b.datname = current_database()
),
policy_role as (
  select
    q.relnamespace,
    -- See unprotected-relations.sql.
    (
      regexp_match(
        pg_get_expr(p.polqual, case when p.polqual::text ~ '{VAR ' then p.polrelid else 0 end),
        't_[0-9a-f]{32}'
      )
    )[1] as role
  from (
    select c.relnamespace, min(p.oid) as policy
    from pg_catalog.pg_policy as p
    join pg_catalog.pg_class as c on c.oid = p.polrelid
    group by c.relnamespace
  ) as q
  join pg_catalog.pg_policy as p on p.oid = q.policy
),
own_schema as (
  select
    n.oid,
    coalesce(
      p.role,
      (
        select min(r.rolname)
        from aclexplode(n.nspacl) as a
        join tenant_role as r on r.oid = a.grantee
        having count(distinct r.oid) = 1
      )
    ) as role
  from pg_catalog.pg_namespace as n
  left join policy_role as p on p.relnamespace = n.oid
  where n.nspowner = 'tenant_owner'::regrole
    and n.nspname <> 'tenancy_migrations'
),
-- Every access privilege of a tenant role, and every object that one owns.
listed as (
  select
    d.deptype,
    d.classid,
    d.objid,
    r.rolname,
    coalesce(c.relnamespace, p.pronamespace, n.oid) as namespace
  from pg_catalog.pg_shdepend as d
  join tenant_role as r on r.oid = d.refobjid
  left join pg_catalog.pg_class as c on d.classid = 'pg_catalog.pg_class'::regclass and c.oid = d.objid
  left join pg_catalog.pg_proc as p on d.classid = 'pg_catalog.pg_proc'::regclass and p.oid = d.objid
  left join pg_catalog.pg_namespace as n on d.classid = 'pg_catalog.pg_namespace'::regclass and n.oid = d.objid
  where d.refclassid = 'pg_catalog.pg_authid'::regclass
    and d.deptype in ('a', 'o')
    and (
      d.dbid = (select h.oid from here as h)
      -- Databases and tablespaces are objects of the cluster, and other databases have their own check.
      or (
        d.dbid = 0
        and (
          (
            d.classid = 'pg_catalog.pg_database'::regclass
            and d.objid = (select h.oid from here as h)
          )
          or r.rolname in (select o.role from own_schema as o)
        )
      )
    )
),
outside as materialized (
  select distinct
    l.deptype,
    l.rolname,
    l.classid,
    l.objid
  from listed as l
  left join own_schema as o on o.oid = l.namespace
  where l.deptype = 'o'
    or (o.role = l.rolname) is not true
),
named as (
  select
    s.deptype,
    s.rolname,
    pg_identify_object(s.classid, s.objid, 0) as found
  from outside as s
  where (
      -- The sequence of a column belongs to its table.
      s.deptype = 'o'
      and s.classid = 'pg_catalog.pg_class'::regclass
      and exists (
        select
        from pg_catalog.pg_depend as k
        where k.classid = 'pg_catalog.pg_class'::regclass
          and k.objid = s.objid
          and k.refclassid = 'pg_catalog.pg_class'::regclass
          and k.refobjsubid > 0
          and k.deptype in ('a', 'i')
      )
    ) is not true
),
-- Materialized: without statistics, a join would match the text of every table again for each tenant and schema.
suspect as materialized (
  select
    c.relkind,
    c.relnamespace,
    c.relname,
    c.relacl
  from pg_catalog.pg_class as c
  -- A match on the text is a cheap filter: few tables need the full evaluation.
  where c.relacl::text ~ '[{,]t_[0-9a-f]{32}=[^/]*[Dxtm*]'
),
excess as (
  select
    case when c.relkind = 'S' then 'sequence' else 'table' end as kind,
    format('%I.%I', n.nspname, c.relname) as identity,
    r.rolname,
    p.is_expected,
    string_agg(distinct a.privilege_type, ', ') as privileges
  from pg_catalog.pg_namespace as n
  join suspect as c on c.relnamespace = n.oid
  cross join lateral aclexplode(c.relacl) as a
  cross join lateral (
    select a.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'USAGE') as is_expected
  ) as p
  join tenant_role as r on r.oid = a.grantee
  where n.nspowner = 'tenant_owner'::regrole
    and (
      a.is_grantable
      or not p.is_expected
    )
  group by c.relkind, n.nspname, c.relname, r.rolname, p.is_expected

  union all

  select
    'schema',
    quote_ident(n.nspname),
    r.rolname,
    a.privilege_type = 'USAGE',
    string_agg(distinct a.privilege_type, ', ')
  from pg_catalog.pg_namespace as n
  cross join lateral aclexplode(n.nspacl) as a
  join tenant_role as r on r.oid = a.grantee
  where n.nspowner = 'tenant_owner'::regrole
    and (
      a.is_grantable
      or a.privilege_type <> 'USAGE'
    )
  group by n.nspname, r.rolname, a.privilege_type = 'USAGE'
)
select
  format('%s %s', (s.found).type, (s.found).identity) as object,
  case s.deptype
    when 'o' then format('is owned by the tenant role %I', s.rolname)
    else format('gives rights to %I, the tenant role of another schema', s.rolname)
  end as fault,
  case s.deptype
    when 'o' then format('alter %s %s owner to tenant_owner', (s.found).type, (s.found).identity)
    else format(
      'revoke all on %s %s from %I',
      case
        when (s.found).type in ('view', 'materialized view', 'foreign table') then 'table'
        else (s.found).type
      end,
      (s.found).identity,
      s.rolname
    )
  end as remedy
from named as s

union all

select
  format('%s %s', e.kind, e.identity),
  format('gives %I %s, to which no policy applies, or with the grant option', e.rolname, e.privileges),
  -- The tenant needs the right itself.
  format(
    'revoke %s%s on %s %s from %I',
    case when e.is_expected then 'grant option for ' else '' end,
    lower(e.privileges),
    e.kind,
    e.identity,
    e.rolname
  )
from excess as e

union all

select
  format('role %I', r.rolname),
  a.fault,
  format('alter role %I %s', r.rolname, a.attribute)
from tenant_role as r
cross join lateral (
  values
    (r.rolcanlogin, 'can log in', 'nologin'),
    (r.rolsuper, 'is a superuser', 'nosuperuser'),
    (r.rolbypassrls, 'bypasses row-level security', 'nobypassrls'),
    (r.rolcreaterole, 'may create roles', 'nocreaterole'),
    (r.rolcreatedb, 'may create databases', 'nocreatedb'),
    (r.rolreplication, 'may read the whole cluster by replication', 'noreplication')
) as a (has, fault, attribute)
where a.has
  and r.rolname in (select o.role from own_schema as o)

union all

select
  format('role %I', r.rolname),
  format('is a member of %s', m.roleid::regrole),
  format('revoke %s from %I', m.roleid::regrole, r.rolname)
from pg_catalog.pg_auth_members as m
join tenant_role as r on r.oid = m.member
join pg_catalog.pg_roles as b on b.oid = m.roleid
-- Another database of the cluster has its own tenant roles, and its own check of them.
where r.rolname in (select o.role from own_schema as o)
  or b.rolname in (select o.role from own_schema as o)

order by object, fault;
