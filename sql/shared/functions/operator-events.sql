-- functions/operator-events.sql: records actions of operators that are not operations, such as an impersonation. Each
-- function takes its arguments and a proof as those of functions/operations.sql do.

-- The service chooses the id, so a replayed request adds no second event.
create or replace function tenancy.record_operator_event(p_request text, p_expires bigint, p_proof text)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_request constant jsonb := tenancy.require_operator('record_operator_event', p_request, p_expires, p_proof);
begin
  insert into tenancy.audit_events (id, actor, source, address, tenant_id, schema_name, action, before, after)
  select
    (v_request ->> 'id')::uuid,
    left(v_request ->> 'actor', 255),
    'api',
    nullif(left(v_request ->> 'address', 255), ''),
    t.id,
    t.schema_name,
    v_request ->> 'action',
    nullif(v_request -> 'before', 'null'),
    nullif(v_request -> 'after', 'null')
  from public.tenants as t
  where t.id = (v_request ->> 'tenant')::uuid;

  if not found then
    raise exception 'the event names no tenant' using errcode = 'KT001';
  end if;
end
$$;

comment on function tenancy.record_operator_event(text, bigint, text) is
  'Adds an event of an operator to the audit of a tenant. The proof covers operators.record_operator_event|request|expires.';
