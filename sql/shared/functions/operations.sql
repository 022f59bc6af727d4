-- functions/operations.sql: operators request, cancel and retry operations.
--
-- Each function takes its arguments as one JSON text, and a proof over its own name and this text:
-- SQL that is injected into a request cannot call it, cannot change an argument, and cannot use the
-- proof of another function. EXECUTE is for the login of DATABASE_URL only, never for a tenant role.

create or replace function tenancy.require_operator(
  p_function text,
  p_request text,
  p_expires bigint,
  p_proof text
)
returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  perform tenancy.require_proof('operators.' || p_function || '|' || p_request, p_expires, p_proof);
  return p_request::jsonb;
end
$$;


-- The seal does not expire, because the worker may run the operation later. The id prevents a second use.
create or replace function tenancy.request_operation(p_request text, p_expires bigint, p_proof text)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_request constant jsonb := tenancy.require_operator('request_operation', p_request, p_expires, p_proof);
  v_sealed constant text := v_request ->> 'sealed';
  v_seal constant text := v_request ->> 'seal';
  v_operation jsonb;
begin
  if (
    encode(tenancy.mac('proof', split_part(v_seal, '.', 1), 'operation|' || v_sealed), 'hex')
    = split_part(v_seal, '.', 2)
  ) is not true then
    raise exception 'the seal of the operation is not valid' using errcode = 'KT002';
  end if;
  v_operation := v_sealed::jsonb;

  insert into tenancy.operations (id, kind, schema_name, tenant_id, sealed, seal, actor, address)
  values (
    (v_operation ->> 'id')::uuid,
    v_operation ->> 'kind',
    v_operation ->> 'tenant',
    (select t.id from public.tenants as t where t.schema_name = v_operation ->> 'tenant'),
    v_sealed,
    v_seal,
    v_operation ->> 'actor',
    v_operation ->> 'address'
  );
end
$$;

comment on function tenancy.request_operation(text, bigint, text) is
  'Records an operation, which the worker runs. The proof covers operators.request_operation|request|expires.';


-- A running operation ends before its next step, if its kind can end early. The request contains the revision, also that
-- of retry_operation, so that a replayed request changes nothing.
create or replace function tenancy.cancel_operation(p_request text, p_expires bigint, p_proof text)
returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_request constant jsonb := tenancy.require_operator('cancel_operation', p_request, p_expires, p_proof);
  v_id constant uuid := (v_request ->> 'id')::uuid;
  v_status text;
  v_kind text;
  v_schema text;
begin
  select o.status, o.kind, o.schema_name
  into v_status, v_kind, v_schema
  from tenancy.operations as o
  where o.id = v_id
    and o.revision = (v_request ->> 'revision')::integer
  for update;

  if v_status = 'queued' then
    update tenancy.operations as o
    set status = 'canceled', revision = o.revision + 1, cancel_requested_at = now(), ended_at = now()
    where o.id = v_id;
  elsif v_status = 'running' and (v_request ->> 'running')::boolean then
    update tenancy.operations as o
    set revision = o.revision + 1, cancel_requested_at = coalesce(o.cancel_requested_at, now())
    where o.id = v_id;
  else
    return false;
  end if;

  perform tenancy.record_event_of(
    v_request ->> 'actor', 'api', v_request ->> 'address', 'cancel-operation', v_schema, v_id,
    null, jsonb_build_object('kind', v_kind)
  );
  return true;
end
$$;

comment on function tenancy.cancel_operation(text, bigint, text) is
  'Cancels an operation that waits, and asks the worker to end one that runs. Returns whether it did. The proof covers operators.cancel_operation|request|expires.';


create or replace function tenancy.retry_operation(p_request text, p_expires bigint, p_proof text)
returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_request constant jsonb := tenancy.require_operator('retry_operation', p_request, p_expires, p_proof);
  v_id constant uuid := (v_request ->> 'id')::uuid;
  v_kind text;
  v_schema text;
begin
  update tenancy.operations as o
  set status = 'queued',
      revision = o.revision + 1,
      error = null,
      progress_done = null,
      progress_total = null,
      progress_text = null,
      cancel_requested_at = null,
      started_at = null,
      ended_at = null
  where o.id = v_id
    and o.status in ('failed', 'canceled')
    and o.revision = (v_request ->> 'revision')::integer
  returning o.kind, o.schema_name
  into v_kind, v_schema;

  if not found then
    return false;
  end if;
  perform tenancy.record_event_of(
    v_request ->> 'actor', 'api', v_request ->> 'address', 'retry-operation', v_schema, v_id,
    null, jsonb_build_object('kind', v_kind)
  );
  return true;
end
$$;

comment on function tenancy.retry_operation(text, bigint, text) is
  'Queues an operation again that failed or was canceled. Returns whether it did. The proof covers operators.retry_operation|request|expires.';
