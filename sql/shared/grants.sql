-- grants.sql: rights on the functions of schema tenancy.
--
--   :"service"   the login of DATABASE_URL
--
-- Idempotent; applied again whenever a shared file changes.

revoke all on all functions in schema tenancy from public;
revoke all on all tables in schema tenancy from public, :"service", tenant_owner;
revoke all on table public.tenants, public.domains from public, :"service", tenant_owner;

-- Policies name current_tenant(). The others return rows of the current tenant.
grant execute on function tenancy.current_tenant() to public;
grant execute on function tenancy.my_tenant() to public;
grant execute on function tenancy.my_domains() to public;
grant execute on function tenancy.my_domain_records() to public;
grant execute on function tenancy.my_subscription() to public;

-- They raise an error, and do nothing else. require calls reject with the rights of its caller.
grant execute on function tenancy.require(boolean, text) to public;
grant execute on function tenancy.reject(text) to public;

-- Both change a row of the current tenant, and return nothing.
grant execute on function tenancy.mark_due(text) to public;
grant execute on function tenancy.reschedule_due(text, timestamptz, timestamptz) to public;

-- For triggers of tenants' tables. Returns a limit of the current tenant, and changes nothing.
grant execute on function tenancy.lock_limit(text) to public;

-- Events of the current tenant's own audit.
grant execute on function tenancy.own_audit_events(uuid, integer) to public;
grant execute on function tenancy.record_own_event(text, jsonb, jsonb, text, text) to public;

grant execute on function tenancy.enter(uuid, bigint, text) to :"service";
grant execute on function tenancy.resolve_host(text) to :"service";
grant execute on function tenancy.database_of(uuid) to :"service";
grant execute on function tenancy.lane_of(uuid) to :"service";
grant execute on function tenancy.list_lanes() to :"service";
grant execute on function tenancy.export_copy(uuid, bigint, text) to :"service";
grant execute on function tenancy.import_copy(text, bigint, text) to :"service";
grant execute on function tenancy.version() to :"service";
grant execute on function tenancy.fleet_check() to :"service";
grant execute on function tenancy.record_fleet_check(text, bigint, text) to :"service";
grant execute on function tenancy.is_in_transaction(integer) to :"service";
grant execute on function tenancy.shared_migrations() to :"service";
grant execute on function tenancy.global_migrations() to :"service";
grant execute on function tenancy.find_due(text, integer) to :"service";
grant execute on function tenancy.statistics(text, integer, text, integer, text[]) to :"service";

-- For operators of the public site. Each requires a proof over its name and all arguments.
grant execute on function tenancy.request_operation(text, bigint, text) to :"service";
grant execute on function tenancy.list_operations(text, bigint, text) to :"service";
grant execute on function tenancy.find_operation(text, bigint, text) to :"service";
grant execute on function tenancy.cancel_operation(text, bigint, text) to :"service";
grant execute on function tenancy.retry_operation(text, bigint, text) to :"service";
grant execute on function tenancy.list_dumps(text, bigint, text) to :"service";
grant execute on function tenancy.list_tenants(text, bigint, text) to :"service";
grant execute on function tenancy.show_tenant(text, bigint, text) to :"service";
grant execute on function tenancy.fleet_overview(text, bigint, text) to :"service";
grant execute on function tenancy.list_audit_events(text, bigint, text) to :"service";
grant execute on function tenancy.record_operator_event(text, bigint, text) to :"service";

grant execute on function tenancy.enter_owner(text) to tenant_owner;
grant execute on function tenancy.protect_schema(text) to tenant_owner;
-- Creates triggers with it. PostgreSQL checks the right at that time only.
grant execute on function tenancy.limit_rows() to tenant_owner;
grant execute on function tenancy.protect_global_table(oid) to global_owner;
grant execute on function tenancy.protect_global() to global_owner;
