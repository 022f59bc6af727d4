-- unhardened.sql: rights that sql/shared/hardening.sql revokes from PUBLIC and PUBLIC still
-- has.
--
--   :'hardened'     the text of sql/hardened.txt, which hardening.sql is given too
--   :'extensions'   the text of sql/extensions.txt, which extensions.sql is given too
--
-- PostgreSQL only warns when a role without the grant option runs REVOKE, so this reads the
-- rights in force. It repeats the lists of hardening.sql and extensions.sql: a function in the
-- database for both could be replaced, and a check must not trust what it checks. With a row, one expression can bypass the role wall, or another tenant's
-- rows can be counted, timed and waited for. An installation without a superuser, which cannot
-- be hardened, can accept this with ALLOW_UNHARDENED=true.
--
-- Other logins may have their right to connect, or to use schema public, from PUBLIC only.
--
--   psql "$OWNER_DATABASE_URL" -v hardened="$(cat sql/hardened.txt)" -v extensions="$(cat sql/extensions.txt)" -f sql/checks/unhardened.sql

with listed as (
  select
    split_part(l.line, ' ', 1) as kind,
    split_part(l.line, ' ', 2) as name
  from regexp_split_to_table(:'hardened', '\n') as l (line)
  where l.line ~ '^[a-z]'
),
listed_extension as (
  select
    split_part(l.line, ' ', 2) as extension,
    replace(replace(split_part(l.line, ' ', 3), '_', '\_'), '*', '%') as pattern
  from regexp_split_to_table(:'extensions', '\n') as l (line)
  where l.line ~ '^[a-z]'
)
select
  format('function pg_catalog.%I(%s)', p.proname, oidvectortypes(p.proargtypes)) as object,
  'may be called by PUBLIC' as fault,
  format(
    'revoke execute on function pg_catalog.%I(%s) from public',
    p.proname,
    oidvectortypes(p.proargtypes)
  ) as remedy
from pg_catalog.pg_proc as p
cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
where p.pronamespace = 'pg_catalog'::regnamespace
  and a.grantee = 0
  -- A hashed list of names, and arrays: a join would compare thousands of functions with each line.
  and (
    p.proname::text in (
      select l.name
      from listed as l
      where l.kind = 'function'
    )
    or p.proname like any (array(
      select replace(replace(l.name, '_', '\_'), '*', '%')
      from listed as l
      where l.kind = 'function'
        and l.name like '%*%'
    ))
    or p.proargtypes::oid[] && array(
      select to_regtype(l.name)::oid
      from listed as l
      where l.kind = 'arguments'
    )
  )

union all

-- Those of an extension in another schema are out of a tenant's reach.
select
  format('function extensions.%I(%s)', p.proname, oidvectortypes(p.proargtypes)),
  format('of the extension %I may be called by PUBLIC', e.extname),
  format('revoke execute on function extensions.%I(%s) from public', p.proname, oidvectortypes(p.proargtypes))
from pg_catalog.pg_extension as e
join pg_catalog.pg_namespace as n on n.oid = e.extnamespace and n.nspname = 'extensions'
join pg_catalog.pg_depend as d
  on d.refclassid = 'pg_catalog.pg_extension'::regclass
  and d.refobjid = e.oid
  and d.classid = 'pg_catalog.pg_proc'::regclass
  and d.deptype = 'e'
join pg_catalog.pg_proc as p on p.oid = d.objid
cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
where a.grantee = 0
  and exists (
    select
    from listed_extension as l
    where l.extension = e.extname
      and (p.proname like l.pattern or 'internal'::regtype = any (p.proargtypes))
  )

union all

select
  format('language %I', l.lanname),
  'gives USAGE to PUBLIC',
  format('revoke usage on language %I from public', l.lanname)
from pg_catalog.pg_language as l
cross join lateral aclexplode(coalesce(l.lanacl, acldefault('l', l.lanowner))) as a
where l.lanpltrusted
  and a.grantee = 0

union all

select
  format('view pg_catalog.%I', c.relname),
  'may be read by PUBLIC',
  format('revoke select on pg_catalog.%I from public', c.relname)
from pg_catalog.pg_class as c
cross join lateral aclexplode(c.relacl) as a
where c.relnamespace = 'pg_catalog'::regnamespace
  and a.grantee = 0
  and a.privilege_type = 'SELECT'
  and c.relname in (
    select l.name
    from listed as l
    where l.kind = 'view'
  )

union all

select
  format('database %I', d.datname),
  format('gives %s to PUBLIC', a.privilege_type),
  case
    when a.privilege_type = 'CONNECT' then
      format('grant connect on database %I to each login that uses it, then ', d.datname)
    else ''
  end || format('revoke %s on database %I from public', lower(a.privilege_type), d.datname)
from pg_catalog.pg_database as d
cross join lateral aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) as a
where d.datname = current_database()
  and a.grantee = 0

union all

select
  'schema public',
  format('gives %s to PUBLIC', a.privilege_type),
  case
    when a.privilege_type = 'USAGE' then 'grant usage on schema public to each other role that uses it, then '
    else ''
  end || format('revoke %s on schema public from public', lower(a.privilege_type))
from pg_catalog.pg_namespace as n
cross join lateral aclexplode(n.nspacl) as a
where n.nspname = 'public'
  and a.grantee = 0

order by object, fault;
