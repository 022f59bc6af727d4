-- schemas.sql: the shared schemas, and the roles that may create objects in them.
--
--   :"service"    the login of DATABASE_URL
--   :"database"   the database we are connected to
--
-- Idempotent.

create schema if not exists tenancy authorization tenancy_owner;

comment on schema tenancy is
  'Keys, context and registry functions. Holds no row that a tenant may read.';

-- Migration histories, one per tenant. They are outside the tenant's schema: inside, the
-- policy would hide them and every migration would run twice.
create schema if not exists tenancy_migrations authorization tenancy_owner;
grant usage, create on schema tenancy_migrations to tenant_owner;

comment on schema tenancy_migrations is
  'Migration histories of node-pg-migrate: one of the shared schema, one of each tenant.';

create table if not exists tenancy_migrations.global (
  id integer not null generated always as identity,
  name text not null,
  run_on timestamptz not null default now(),
  constraint global_pkey primary key (name)
);

comment on table tenancy_migrations.global is
  'Migrations that were applied to the schema global.';

alter table tenancy_migrations.global owner to tenancy_owner;

create table if not exists tenancy_migrations.digests (
  kind text not null,
  name text not null,
  digest text not null,
  recorded_at timestamptz not null default now(),
  constraint digests_pkey primary key (kind, name),
  constraint digests__kind check (kind in ('shared', 'global', 'tenant'))
);

comment on table tenancy_migrations.digests is
  'Digests of the SQL files of applied migrations. A file that has changed since is reported.';

alter table tenancy_migrations.digests owner to tenancy_owner;

-- Tables that every tenant may read and only their owner may write. Not on any role's path.
create schema if not exists global authorization global_owner;
grant usage on schema global to public;

comment on schema global is
  'Tables that every tenant may read in full, by SELECT on columns. Foreign keys must not refer to them.';

-- On every tenant's path, after the tenant's own schema. It may contain extensions only.
create schema if not exists extensions authorization tenancy_owner;
grant usage on schema extensions to public;

comment on schema extensions is
  'The extensions of sql/extensions.txt that the project declares. Only tenancy_owner may create objects here.';

-- PUBLIC may execute new functions unless this was run before.
alter default privileges for role tenancy_owner revoke execute on functions from public;
alter default privileges for role tenant_owner revoke execute on functions from public;
alter default privileges for role global_owner revoke execute on functions from public;

grant usage, create on schema public to tenancy_owner;
grant usage on schema tenancy to public;

revoke connect, temporary, create on database :"database" from public;
grant connect on database :"database" to :"service", current_user;
grant create on database :"database" to tenant_owner;

-- template1 is not hardened, and no tenant uses it. New databases do not copy its rights, and
-- CREATE DATABASE does not check them.
do $template$
begin
  if exists (
    select
    from pg_catalog.pg_database as d
    cross join lateral aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) as a
    where d.datname = 'template1'
      and a.grantee = 0
      and pg_catalog.pg_has_role(current_user, d.datdba, 'usage')
  ) then
    revoke connect, temporary on database template1 from public;
  end if;
end
$template$;
