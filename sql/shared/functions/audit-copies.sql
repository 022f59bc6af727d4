-- functions/audit-copies.sql: the audit of tenants in further databases.
--
-- Changes of the registry are recorded in main, and a tenant adds its events in its own database, where it
-- also reads. The migrating login copies events in both directions. Their ids stay the same.

-- For a further database: the time of its last event that is not of a tenant, and its tenants without such events.
create or replace function tenancy.audit_state() returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'at', (
      select e.at
      from tenancy.audit_events as e
      where e.source <> 'tenant'
      order by e.id desc
      limit 1
    ),
    'missing', (
      select coalesce(jsonb_agg(t.id), '[]')
      from public.tenants as t
      cross join tenancy.installation as i
      where t.database = i.database
        and not exists (
          select
          from tenancy.audit_events as e
          where e.tenant_id = t.id
            and e.source <> 'tenant'
        )
    )
  )
$$;


-- For main: the events of tenants of a further database. A transaction may add its event late: those of ten
-- minutes before are returned again, and add_events ignores them.
create or replace function tenancy.events_for(p_database text, p_state jsonb) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(to_jsonb(e)), '[]')
  from tenancy.audit_events as e
  join public.tenants as t on t.id = e.tenant_id
  where t.database = p_database
    and (
      p_state ->> 'at' is null
      or e.at > (p_state ->> 'at')::timestamptz - interval '10 minutes'
      or p_state -> 'missing' ? t.id::text
    )
$$;


-- For main: the time of the last event in main that a tenant of a further database has added.
create or replace function tenancy.last_event_from(p_database text) returns timestamptz
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select max(e.at)
  from tenancy.audit_events as e
  join public.tenants as t on t.id = e.tenant_id
  where e.source = 'tenant'
    and t.database = p_database
$$;


-- For a further database: the events that its tenants have added.
create or replace function tenancy.events_of_tenants(p_at timestamptz) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(to_jsonb(e)), '[]')
  from tenancy.audit_events as e
  where e.source = 'tenant'
    and (p_at is null or e.at > p_at - interval '10 minutes')
$$;


create or replace function tenancy.add_events(p_events jsonb) returns bigint
language sql
set search_path = pg_catalog, pg_temp
as $$
  with added as (
    insert into tenancy.audit_events (
      id, at, actor, source, address, tenant_id, schema_name, action, operation_id, before, after
    )
    select
      e.id, e.at, e.actor, e.source, e.address, e.tenant_id, e.schema_name, e.action, e.operation_id,
      nullif(e.before, 'null'), nullif(e.after, 'null')
    from jsonb_to_recordset(p_events) as e (
      id uuid, at timestamptz, actor text, source text, address text, tenant_id uuid, schema_name text,
      action text, operation_id uuid, before jsonb, after jsonb
    )
    on conflict on constraint audit_events_pkey do nothing
    returning 1
  )
  select count(*) from added
$$;
