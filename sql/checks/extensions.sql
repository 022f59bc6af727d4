-- extensions.sql: extensions and languages that open a way around the walls.
--
-- A row is an extension that reads other databases or files, runs SQL text inside
-- an expression, or keeps work for later under another login; or a language whose
-- functions may do whatever the server's user may.
--
--   psql "$OWNER_DATABASE_URL" -f sql/checks/extensions.sql

select
  format('extension %I', e.extname) as object,
  'opens a way around the walls' as fault,
  format('drop extension %I', e.extname) as remedy
from pg_catalog.pg_extension as e
where e.extname in ('adminpack', 'dblink', 'lo', 'tablefunc', 'xml2', 'http', 'pg_background', 'pg_cron', 'pg_net', 'plsh')
  or e.extname ~ '_fdw$'
  or e.extname ~ '^plpython'
  or e.extname ~ '^pl.*u$'

union all

select
  format('language %I', l.lanname),
  'is not trusted: its functions do whatever the server''s user may',
  format('drop language %I', l.lanname)
from pg_catalog.pg_language as l
where not l.lanpltrusted
  and l.lanname not in ('internal', 'c')

order by object, fault;
