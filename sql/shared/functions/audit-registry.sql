-- functions/audit-registry.sql: the triggers that record changes of the registry, in the transaction of the change: no
-- command can omit them.

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
