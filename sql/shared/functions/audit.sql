-- functions/audit.sql: writes and reads the audit of all tenants.
--
-- The setting koa_tenants.actor of a transaction names the actor. The service's logins may not write the
-- registry of main, so a forged value has no effect. A long name is cut: it must not block the change.

-- A UUID version 7 with microseconds, as uuidv7() of PostgreSQL 18.
create or replace function tenancy.new_event_id() returns uuid
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select encode(
    substring(int8send(n.us / 1000) from 3)
      || int2send((28672 + (n.us % 1000) * 4096 / 1000)::smallint)
      || substring(uuid_send(gen_random_uuid()) from 9),
    'hex'
  )::uuid
  from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as us) as n
$$;


create or replace function tenancy.reject_audit_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'the audit is append-only: % is rejected', lower(tg_op) using errcode = '42501';
end
$$;


create or replace function tenancy.record_event_of(
  p_actor text,
  p_source text,
  p_address text,
  p_action text,
  p_schema text,
  p_operation uuid,
  p_before jsonb,
  p_after jsonb
)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  insert into tenancy.audit_events (
    actor, source, address, tenant_id, schema_name, action, operation_id, before, after
  )
  values (
    left(p_actor, 255),
    p_source,
    nullif(left(p_address, 255), ''),
    (select t.id from public.tenants as t where t.schema_name = p_schema),
    p_schema,
    p_action,
    p_operation,
    p_before,
    p_after
  )
$$;


-- With the actor that the transaction has set.
create or replace function tenancy.record_event(
  p_action text,
  p_tenant uuid,
  p_schema text,
  p_before jsonb,
  p_after jsonb
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_actor constant jsonb := nullif(current_setting('koa_tenants.actor', true), '')::jsonb;
begin
  insert into tenancy.audit_events (
    actor, source, address, tenant_id, schema_name, action, operation_id, before, after
  )
  values (
    left(coalesce(nullif(v_actor ->> 'actor', ''), session_user), 255),
    coalesce(v_actor ->> 'source', 'sql'),
    nullif(left(v_actor ->> 'address', 255), ''),
    p_tenant,
    p_schema,
    p_action,
    (v_actor ->> 'operation')::uuid,
    p_before,
    p_after
  );
end
$$;

comment on function tenancy.record_event(text, uuid, text, jsonb, jsonb) is
  'Adds an event to the audit, with the actor of the transaction. For the migrating login only.';


-- Called by commands, and for operators by list_audit_events with a proof.
create or replace function tenancy.read_audit(p_query jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_tenant constant uuid := (
    select t.id
    from public.tenants as t
    where t.schema_name = p_query ->> 'tenant'
  );
begin
  return (
    with found as (
      select e.id
      from tenancy.audit_events as e
      where (
          p_query ->> 'tenant' is null
          or e.tenant_id = v_tenant
          -- A tenant that was purged or renamed.
          or (v_tenant is null and e.schema_name = p_query ->> 'tenant')
        )
        and (p_query ->> 'actor' is null or e.actor = p_query ->> 'actor')
        and (p_query ->> 'action' is null or e.action = p_query ->> 'action')
        and (p_query ->> 'source' is null or e.source = p_query ->> 'source')
        and (p_query ->> 'operation' is null or e.operation_id = (p_query ->> 'operation')::uuid)
    ),
    page as (
      select f.id
      from found as f
      order by f.id desc
      limit (p_query ->> 'limit')::bigint
      offset (p_query ->> 'offset')::bigint
    )
    select jsonb_build_object(
      'count', (select count(*) from found as f),
      'results', (
        select coalesce(
          jsonb_agg(
            (to_jsonb(e) - array['tenant_id', 'schema_name', 'operation_id'])
              || jsonb_build_object('tenant', e.schema_name, 'operation', e.operation_id)
            order by e.id desc
          ),
          '[]'
        )
        from page as p
        join tenancy.audit_events as e on e.id = p.id
      )
    )
  );
end
$$;


-- The end of an operation. A successful one that changed the registry has events already.
create or replace function tenancy.record_operation_end(
  p_operation uuid,
  p_kind text,
  p_tenant uuid,
  p_schema text,
  p_after jsonb,
  p_always boolean
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_always or not exists (
    select
    from tenancy.audit_events as e
    where e.operation_id = p_operation
      and e.action not in ('cancel-operation', 'retry-operation')
  ) then
    perform tenancy.record_event(p_kind, p_tenant, p_schema, null, p_after);
  end if;
end
$$;
