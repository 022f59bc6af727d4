-- schemas.sql: where the shared objects live, and who may make them.
--
--   :"service"   the login of DATABASE_URL
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

do $database$
begin
  execute format('revoke connect, temporary, create on database %I from public', current_database());
  execute format('grant connect on database %I to %I, %I', current_database(), :'service', current_user);
  execute format('grant create on database %I to tenant_owner', current_database());
end
$database$;
