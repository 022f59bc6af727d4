-- schemas.sql: where the shared objects live, and who may make them.
--
--   :"service"    the login of DATABASE_URL
--   :"database"   the database we are connected to
--
-- Idempotent.

create schema if not exists tenancy authorization tenancy_owner;

comment on schema tenancy is
  'Keys, context and registry functions. Holds no row that a tenant may read.';

-- A ledger of applied migrations per tenant. It stands outside the tenant's
-- schema: inside, the policy would hide it and every migration would run twice.
create schema if not exists tenancy_migrations authorization tenancy_owner;
grant usage, create on schema tenancy_migrations to tenant_owner;

comment on schema tenancy_migrations is
  'node-pg-migrate ledgers: one for the shared schema, one for each tenant.';

-- Functions are executable by PUBLIC when they are made, unless this line is
-- there before them.
alter default privileges for role tenancy_owner revoke execute on functions from public;
alter default privileges for role tenant_owner revoke execute on functions from public;

grant usage, create on schema public to tenancy_owner;
grant usage on schema tenancy to public;

revoke connect, temporary, create on database :"database" from public;
grant connect on database :"database" to :"service", current_user;
grant create on database :"database" to tenant_owner;
