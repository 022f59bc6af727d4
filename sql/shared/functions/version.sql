-- functions/version.sql: what is installed, for the service to compare with its code.

create or replace function tenancy.version()
returns table (fingerprint text, context_mode text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select i.fingerprint, i.context_mode
  from tenancy.installation as i
$$;

comment on function tenancy.version() is
  'Returns what is installed. The service compares it with its code before it listens.';


create or replace function tenancy.shared_migrations()
returns setof text
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select m.name::text
  from tenancy_migrations.shared as m
$$;

comment on function tenancy.shared_migrations() is
  'Names of the shared migrations that were applied. Code that lacks some of them is older than the database.';
