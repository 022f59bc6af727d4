-- functions/fleet-check.sql: the result of the last checks of all tenants' schemas.
--
-- A service with many tenants runs these checks while it serves, but only if their last run had
-- no finding. After a finding, the next start runs them before it listens.

create or replace function tenancy.fleet_check()
returns table (passed text, tenants bigint)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select
    i.fleet_check,
    (
      select count(*)
      from pg_namespace as n
      where n.nspowner = 'tenant_owner'::regrole
        and n.nspname <> 'tenancy_migrations'
    )
  from tenancy.installation as i
$$;

comment on function tenancy.fleet_check() is
  'Returns the digest of the checks whose last run had no finding, or null, and the number of tenant schemas.';


-- The proof keeps SQL of a tenant's request from reporting a success.
create or replace function tenancy.record_fleet_check(p_passed text, p_expires bigint, p_proof text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform tenancy.require_proof('fleet-check|' || coalesce(p_passed, ''), p_expires, p_proof);

  update tenancy.installation as i
  set fleet_check = p_passed
  where i.fleet_check is distinct from p_passed;
end
$$;

comment on function tenancy.record_fleet_check(text, bigint, text) is
  'Stores the digest of the checks that found nothing, or null after a finding. The proof covers fleet-check|digest|expires.';
