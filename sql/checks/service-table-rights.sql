-- service-table-rights.sql: rights of the service's login, or of PUBLIC, that the service does
-- not need.
--
--   :'service'   the login of DATABASE_URL
--
-- The login may connect, enter a tenant, resolve a host, read the version and call set_config.
-- It has no rights on tables and sequences, and PUBLIC has none outside the system catalogs.
-- For rights on the functions of schema tenancy see tenancy-rights.sql, for those on the
-- catalogs unhardened.sql.
--
-- Roles of another application of the database may have their rights from PUBLIC only.
--
--   psql "$OWNER_DATABASE_URL" -v service=app -f sql/checks/service-table-rights.sql

with here as (
  select b.oid
  from pg_catalog.pg_database as b
  where b.datname = current_database()
),
service as (
  select r.oid
  from pg_catalog.pg_roles as r
  where r.rolname = :'service'
),
-- Every access privilege of the login, on any kind of object.
listed as (
  select d.classid, d.objid
  from pg_catalog.pg_shdepend as d
  join service as s on s.oid = d.refobjid
  where d.refclassid = 'pg_catalog.pg_authid'::regclass
    and d.deptype = 'a'
    and d.dbid in (0, (select h.oid from here as h))
    and d.classid <> 'pg_catalog.pg_database'::regclass
    and (d.classid, d.objid) not in (
      select 'pg_catalog.pg_proc'::regclass, p.oid
      from pg_catalog.pg_proc as p
      join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
      where n.nspname = 'tenancy'
        or (n.nspname = 'pg_catalog' and p.proname = 'set_config')
    )
),
service_right as (
  select distinct pg_identify_object(l.classid, l.objid, 0) as found
  from listed as l
),
public_right as (
  select
    case when c.relkind = 'S' then 'sequence' else 'table' end as kind,
    format('%I.%I', n.nspname, c.relname) as identity,
    c.relowner::regrole::text in ('tenancy_owner', 'tenant_owner') as is_own,
    string_agg(distinct a.privilege_type, ', ') as privileges
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  cross join lateral (
    select e.grantee, e.privilege_type
    from aclexplode(c.relacl) as e
    union all
    select e.grantee, e.privilege_type
    from pg_catalog.pg_attribute as t
    cross join lateral aclexplode(t.attacl) as e
    where t.attrelid = c.oid
      and t.attacl is not null
  ) as a
  where a.grantee = 0
    -- Rights in schema global: global-tables.sql.
    and n.nspname not in ('pg_catalog', 'information_schema', 'global')
    and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  group by c.relkind, n.nspname, c.relname, c.relowner

  union all

  select
    'schema',
    quote_ident(n.nspname),
    n.nspowner::regrole::text in ('tenancy_owner', 'tenant_owner', 'global_owner'),
    string_agg(distinct a.privilege_type, ', ')
  from pg_catalog.pg_namespace as n
  cross join lateral aclexplode(n.nspacl) as a
  where a.grantee = 0
    and not (n.nspname in ('tenancy', 'global', 'extensions') and a.privilege_type = 'USAGE')
    and n.nspname not in ('pg_catalog', 'information_schema', 'public')
  group by n.nspname, n.nspowner
)
select
  format('%s %s', (s.found).type, (s.found).identity) as object,
  format('gives rights to the service''s login, %I', :'service') as fault,
  format(
    'revoke all on %s %s from %I',
    case
      when (s.found).type in ('view', 'materialized view', 'foreign table') then 'table'
      else (s.found).type
    end,
    (s.found).identity,
    :'service'
  ) as remedy
from service_right as s

union all

select
  format('database %I', b.datname),
  format('gives %s to the service''s login, %I', a.privilege_type, :'service'),
  format('revoke %s on database %I from %I', lower(a.privilege_type), b.datname, :'service')
from pg_catalog.pg_database as b
cross join lateral aclexplode(b.datacl) as a
join service as s on s.oid = a.grantee
where b.oid = (select h.oid from here as h)
  and a.privilege_type <> 'CONNECT'

union all

select
  format('%s %s', p.kind, p.identity),
  format('gives %s to PUBLIC', p.privileges),
  case when p.is_own then '' else 'grant them to each role that needs them, then ' end
    || format('revoke all on %s %s from public', p.kind, p.identity)
from public_right as p

union all

select
  format('default privileges of %s', d.defaclrole::regrole),
  'give rights on tables, sequences or schemas to PUBLIC or to the service''s login',
  format(
    'alter default privileges for role %s%s revoke all on %s from %s',
    d.defaclrole::regrole,
    case when d.defaclnamespace = 0 then '' else format(' in schema %s', d.defaclnamespace::regnamespace) end,
    case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' else 'schemas' end,
    case when a.grantee = 0 then 'public' else quote_ident(:'service') end
  )
from pg_catalog.pg_default_acl as d
cross join lateral aclexplode(d.defaclacl) as a
where d.defaclobjtype in ('r', 'S', 'n')
  and (a.grantee = 0 or a.grantee in (select s.oid from service as s))

order by object, fault;
