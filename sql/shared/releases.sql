-- releases.sql: what a service asks whose code is not that of the shared schema.

create function tenancy.shared_migrations()
returns setof text
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select m.name::text
  from tenancy_migrations.shared as m
$$;

comment on function tenancy.shared_migrations() is
  'Names of the shared migrations that were applied. A service that knows only some of them is of an older release.';
