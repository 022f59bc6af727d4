-- functions/audit-own.sql: a tenant reads its own part of the audit, and adds events of its users.

-- Tenants do not see the addresses of operators.
create or replace function tenancy.own_audit_events(p_before uuid, p_limit integer)
returns table (
  id uuid,
  at timestamptz,
  actor text,
  source text,
  address text,
  action text,
  operation_id uuid,
  before jsonb,
  after jsonb
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select
    e.id,
    e.at,
    e.actor,
    e.source,
    case when e.source = 'tenant' then e.address end,
    e.action,
    e.operation_id,
    e.before,
    e.after
  from tenancy.audit_events as e
  join public.tenants as t on t.id = e.tenant_id
  where t.role_name = tenancy.current_tenant()
    and (p_before is null or e.id < p_before)
  order by e.id desc
  limit least(greatest(p_limit, 0), 500)
$$;

comment on function tenancy.own_audit_events(uuid, integer) is
  'Returns events of the current tenant, the newest first: those before an event, at most 500. No row outside a tenant.';


-- SQL that is injected into a request can add events with any actor to its own tenant, but never an
-- event of an operator: the source is always tenant. Size and number are limited.
create or replace function tenancy.record_own_event(
  p_action text,
  p_before jsonb,
  p_after jsonb,
  p_actor text default null,
  p_address text default null
)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant uuid;
  v_schema text;
begin
  select t.id, t.schema_name
  into v_tenant, v_schema
  from public.tenants as t
  where t.role_name = tenancy.current_tenant();

  if (v_tenant is not null) is not true then
    raise exception 'no tenant was entered' using errcode = 'KT001';
  end if;
  if (length(coalesce(p_before::text, '')) + length(coalesce(p_after::text, '')) <= 65536) is not true then
    raise exception 'an audit event has at most 65536 characters' using errcode = 'KT010';
  end if;
  if (
    (
      select count(*) < 1000 and coalesce(sum(recent.bytes), 0) < 2097152
      from (
        select coalesce(pg_column_size(e.before), 0) + coalesce(pg_column_size(e.after), 0) as bytes
        from tenancy.audit_events as e
        where e.tenant_id = v_tenant
          and e.source = 'tenant'
          and e.at > clock_timestamp() - interval '1 minute'
        limit 1000
      ) as recent
    )
  ) is not true then
    raise exception 'a tenant adds at most 1000 audit events and 2 MiB per minute' using errcode = 'KT009';
  end if;

  insert into tenancy.audit_events (actor, source, address, tenant_id, schema_name, action, before, after)
  values (
    left(coalesce(nullif(p_actor, ''), 'tenant'), 255),
    'tenant',
    nullif(left(p_address, 255), ''),
    v_tenant,
    v_schema,
    p_action,
    p_before,
    p_after
  );
end
$$;

comment on function tenancy.record_own_event(text, jsonb, jsonb, text, text) is
  'Adds an event to the audit of the current tenant, with the source tenant.';
