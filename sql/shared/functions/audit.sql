-- functions/audit.sql: writes the audit, and returns a tenant's own part of it.
--
-- Changes of the registry are recorded by triggers, in their own transaction: no command can omit them.
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


-- Further databases have copies of rows of main, whose changes main has recorded.
create or replace function tenancy.is_audited_here() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (select from tenancy.installation as i where i.database = 'main')
$$;


-- The recorded fields of a tenant. Hides settings by their name, because an app could declare a secret one.
create or replace function tenancy.audited_tenant(p_tenant jsonb) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'schema', p_tenant -> 'schema_name',
    'name', p_tenant -> 'name',
    'status', p_tenant -> 'status',
    'type', p_tenant -> 'type',
    'database', p_tenant -> 'database',
    'lane', p_tenant -> 'lane',
    'on_trial', p_tenant -> 'on_trial',
    'paid_until', p_tenant -> 'paid_until',
    'key_generation', p_tenant -> 'key_generation',
    'retry_after', p_tenant -> 'retry_after',
    'purge_after', p_tenant -> 'purge_after',
    'settings', (
      select coalesce(
        jsonb_object_agg(
          s.key,
          case
            when s.key ~* 'secret|password|token|key|credential'
              and jsonb_typeof(s.value) not in ('number', 'boolean', 'null') then '"(hidden)"'::jsonb
            else s.value
          end
        ),
        '{}'
      )
      from jsonb_each(p_tenant -> 'settings') as s
    )
  )
$$;


create or replace function tenancy.audit_tenant() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_all_before jsonb;
  v_all_after jsonb;
  v_before jsonb;
  v_after jsonb;
  v_was_tenant boolean;
  v_is_tenant boolean;
  v_action text;
begin
  if tenancy.is_audited_here() is not true then
    return null;
  end if;

  -- Spares, tenants whose creation is not finished, and scratch tenants of attacks belong to no customer.
  v_was_tenant := tg_op <> 'INSERT'
    and (old.status <> 'spare' and old.schema_name not like 'unfinished\_%' and old.type <> 'attacked');
  v_is_tenant := tg_op <> 'DELETE'
    and (new.status <> 'spare' and new.schema_name not like 'unfinished\_%' and new.type <> 'attacked');

  if not v_was_tenant and not v_is_tenant then
    return null;
  end if;
  if not v_was_tenant then
    perform tenancy.record_event('create-tenant', new.id, new.schema_name, null, tenancy.audited_tenant(to_jsonb(new)));
    return null;
  end if;
  if not v_is_tenant then
    perform tenancy.record_event('purge-tenant', old.id, old.schema_name, tenancy.audited_tenant(to_jsonb(old)), null);
    return null;
  end if;

  v_all_before := tenancy.audited_tenant(to_jsonb(old));
  v_all_after := tenancy.audited_tenant(to_jsonb(new));
  if v_all_before = v_all_after then
    return null;
  end if;
  select
    jsonb_object_agg(a.key, v_all_before -> a.key),
    jsonb_object_agg(a.key, a.value)
  into v_before, v_after
  from jsonb_each(v_all_after) as a
  where a.value is distinct from v_all_before -> a.key;

  v_action := case
    when old.status <> new.status then
      case
        when new.status = 'deleted' then 'delete-tenant'
        when old.status = 'deleted' then 'undelete-tenant'
        when new.status = 'moving' then 'start-move'
        when old.status = 'moving' then 'move-tenant'
        when new.status = 'maintenance' then 'start-maintenance'
        when old.status = 'maintenance' then 'end-maintenance'
        when new.status = 'suspended' then 'suspend-tenant'
        else 'resume-tenant'
      end
    when v_after ? 'schema' or v_after ? 'name' then 'rename-tenant'
    when v_after ? 'database' then 'move-tenant'
    when v_after ? 'settings' then 'change-settings'
    when v_after ? 'key_generation' then 'rotate-keys'
    when v_after ? 'lane' then 'set-lane'
    when v_after ? 'retry_after' then 'start-maintenance'
    when v_after ? 'on_trial' or v_after ? 'paid_until' then 'change-paid-until'
    else 'change-tenant'
  end;
  perform tenancy.record_event(v_action, new.id, new.schema_name, v_before, v_after);
  return null;
end
$$;


create or replace function tenancy.audit_domain() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema text;
  v_before jsonb;
  v_after jsonb;
begin
  if tenancy.is_audited_here() is not true then
    return null;
  end if;
  select t.schema_name
  into v_schema
  from public.tenants as t
  where t.id = coalesce(new.tenant_id, old.tenant_id)
    and t.type <> 'attacked';
  -- The tenant is being purged, which is an event of its own.
  if v_schema is null then
    return null;
  end if;

  if tg_op <> 'INSERT' then
    v_before := jsonb_build_object(
      'domain', old.domain, 'is_primary', old.is_primary, 'is_verified', old.verified_at is not null
    );
  end if;
  if tg_op <> 'DELETE' then
    v_after := jsonb_build_object(
      'domain', new.domain, 'is_primary', new.is_primary, 'is_verified', new.verified_at is not null
    );
  end if;
  -- The former primary domain of a change: the new one has the event.
  if v_before = v_after or (tg_op = 'UPDATE' and old.is_primary and not new.is_primary) then
    return null;
  end if;
  perform tenancy.record_event(
    case
      when tg_op = 'INSERT' then 'add-domain'
      when tg_op = 'DELETE' then 'remove-domain'
      when old.is_primary <> new.is_primary then 'set-primary-domain'
      else 'verify-domain'
    end,
    coalesce(new.tenant_id, old.tenant_id), v_schema, v_before, v_after
  );
  return null;
end
$$;


create or replace function tenancy.audit_payment() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_tenant constant uuid := coalesce(new.tenant_id, old.tenant_id);
begin
  if tenancy.is_audited_here() then
    perform tenancy.record_event(
      case tg_op when 'INSERT' then 'record-payment' else 'change-payment' end,
      v_tenant,
      (select t.schema_name from public.tenants as t where t.id = v_tenant),
      case when tg_op <> 'INSERT' then to_jsonb(old) - array['tenant_id', 'recorded_at'] end,
      case when tg_op <> 'DELETE' then to_jsonb(new) - array['tenant_id', 'recorded_at'] end
    );
  end if;
  return null;
end
$$;


create or replace function tenancy.audit_subscription() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant constant uuid := coalesce(new.tenant_id, old.tenant_id);
  v_schema constant text := (select t.schema_name from public.tenants as t where t.id = v_tenant);
  v_before jsonb;
  v_after jsonb;
begin
  if tg_op <> 'INSERT' then
    v_before := jsonb_build_object('plan', old.plan, 'customer', old.customer);
  end if;
  if tg_op <> 'DELETE' then
    v_after := jsonb_build_object('plan', new.plan, 'customer', new.customer);
  end if;
  if tenancy.is_audited_here() is not true or v_before = v_after or v_schema is null then
    return null;
  end if;
  perform tenancy.record_event(
    case
      when v_after ->> 'plan' is distinct from v_before ->> 'plan' then 'set-plan'
      else 'link-customer'
    end,
    v_tenant, v_schema, v_before, v_after
  );
  return null;
end
$$;


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
    raise exception 'an audit event has at most 65536 characters' using errcode = '54000';
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
    raise exception 'a tenant adds at most 1000 audit events and 2 MiB per minute' using errcode = '54000';
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
