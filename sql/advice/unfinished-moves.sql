-- unfinished-moves.sql: tenants whose online move is in progress or was interrupted.
--
-- A row is a publication that a move created and did not drop. There may also be a replication slot.
-- PostgreSQL keeps WAL for it, which may fill the disk.
--
--   psql "$OWNER_DATABASE_URL" -f sql/advice/unfinished-moves.sql

select
  format('publication %I', p.pubname) as object,
  'belongs to a move that is running, or was interrupted and left a replication slot' as fault,
  format('if no move is running: tenants move-tenant --schema %s --abort', t.schema_name) as remedy
from pg_catalog.pg_publication as p
join public.tenants as t on p.pubname = 'koa_tenants_' || replace(t.id::text, '-', '')
order by object;
