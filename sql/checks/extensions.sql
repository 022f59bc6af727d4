-- extensions.sql: extensions and languages that bypass the walls.
--
--   :'extensions'   the text of sql/extensions.txt
--
-- A row is an extension that reads other databases or files, runs SQL text inside an
-- expression, or schedules work for another login; a language whose functions have all rights
-- of the server's operating system user; an object in the schema extensions, which is on the
-- path of every tenant, that belongs to no listed extension; or a right to create objects in
-- that schema.
--
-- Dropping an extension deletes its tables (the jobs of pg_cron), and PostgreSQL does not know
-- which bodies of functions and which applications use it. So the remedies have conditions,
-- and move what has no extension out of the path instead of dropping it.
--
--   psql "$OWNER_DATABASE_URL" -v extensions="$(cat sql/extensions.txt)" -f sql/checks/extensions.sql

with allowed as (
  select split_part(l.line, ' ', 2) as name
  from regexp_split_to_table(:'extensions', '\n') as l (line)
  where l.line like 'extension %'
),
-- All objects in the schema, however they were created.
inside as (
  select d.classid, d.objid
  from pg_catalog.pg_depend as d
  join pg_catalog.pg_namespace as n on n.oid = d.refobjid
  where d.refclassid = 'pg_catalog.pg_namespace'::regclass
    and n.nspname = 'extensions'
    and d.classid <> 'pg_catalog.pg_extension'::regclass
),
unexpected as (
  select pg_identify_object(i.classid, i.objid, 0) as found
  from inside as i
  where not exists (
    select
    from pg_catalog.pg_depend as d
    where d.classid = i.classid
      and d.objid = i.objid
      and d.refclassid = 'pg_catalog.pg_extension'::regclass
      and d.deptype = 'e'
  )
)
select
  format('extension %I', e.extname) as object,
  'bypasses the walls' as fault,
  format('move what uses it, and its data, to another database, then drop extension %I', e.extname) as remedy
from pg_catalog.pg_extension as e
where e.extname in ('adminpack', 'dblink', 'lo', 'tablefunc', 'xml2', 'http', 'pg_background', 'pg_cron', 'pg_net', 'plsh')
  or e.extname ~ '_fdw$'
  or e.extname ~ '^plpython'
  or e.extname ~ '^pl.*u$'

union all

select
  format('language %I', l.lanname),
  'is untrusted: its functions have the rights of the server''s operating system user',
  format('move what uses it to another database, then drop language %I', l.lanname)
from pg_catalog.pg_language as l
where not l.lanpltrusted
  and l.lanname not in ('internal', 'c')

union all

select
  format('extension %I', e.extname),
  'is in schema extensions, which is on the path of every tenant, and is not listed in sql/extensions.txt',
  format(
    'create schema %1$I; change what uses the extension to name that schema; then alter extension %1$I set schema %1$I',
    e.extname
  )
from pg_catalog.pg_extension as e
join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
where n.nspname = 'extensions'
  and e.extname not in (select a.name from allowed as a)
  -- Named above.
  and e.extname not in ('adminpack', 'dblink', 'lo', 'tablefunc', 'xml2')
  and e.extname !~ '_fdw$'

union all

select
  format('%s %s', (s.found).type, (s.found).identity),
  'is in schema extensions, which is on the path of every tenant, and does not belong to an extension',
  format(
    'alter %s %s set schema public',
    case (s.found).type
      when 'statistics object' then 'statistics'
      else (s.found).type
    end,
    (s.found).identity
  )
from unexpected as s

union all

select
  'schema extensions',
  format('gives %s to %s', a.privilege_type, w.who),
  format('revoke %s on schema extensions from %s', lower(a.privilege_type), w.who)
from pg_catalog.pg_namespace as n
cross join lateral aclexplode(n.nspacl) as a
cross join lateral (
  select case when a.grantee = 0 then 'PUBLIC' else a.grantee::regrole::text end as who
) as w
where n.nspname = 'extensions'
  and a.grantee <> n.nspowner
  and a.privilege_type <> 'USAGE'

union all

select
  'schema extensions',
  format('belongs to %s and not to tenancy_owner', n.nspowner::regrole),
  'alter schema extensions owner to tenancy_owner'
from pg_catalog.pg_namespace as n
where n.nspname = 'extensions'
  and n.nspowner <> 'tenancy_owner'::regrole

order by object, fault;
