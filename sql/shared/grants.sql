-- grants.sql: who may call which door.
--
--   :"service"   the login of DATABASE_URL
--
-- Idempotent; applied anew whenever a shared file changes.

revoke all on all functions in schema tenancy from public;
revoke all on all tables in schema tenancy from public, :"service", tenant_owner;
revoke all on table public.tenants, public.domains from public, :"service", tenant_owner;

-- Policies name current_tenant(); the other two answer for who is inside.
grant execute on function tenancy.current_tenant() to public;
grant execute on function tenancy.my_tenant() to public;
grant execute on function tenancy.my_domains() to public;

-- Both touch the row of who is inside, and say nothing.
grant execute on function tenancy.mark_mail() to public;
grant execute on function tenancy.settle_mail(timestamptz, timestamptz) to public;

grant execute on function tenancy.enter(uuid, bigint, text) to :"service";
grant execute on function tenancy.resolve_host(text) to :"service";
grant execute on function tenancy.database_of(uuid) to :"service";
grant execute on function tenancy.tell_copy(uuid, bigint, text) to :"service";
grant execute on function tenancy.take_copy(text, bigint, text) to :"service";
grant execute on function tenancy.version() to :"service";
grant execute on function tenancy.shared_migrations() to :"service";
grant execute on function tenancy.mail_due(integer) to :"service";
grant execute on function tenancy.figures(text, text) to :"service";

grant execute on function tenancy.enter_owner(text) to tenant_owner;
grant execute on function tenancy.protect_schema(text) to tenant_owner;
