-- functions/operation-lists.sql: what operators read of operations. The functions take their arguments
-- and a proof as those of functions/operations.sql do.

-- Takes the row as JSON: its table does not exist when functions are installed for the first time.
create or replace function tenancy.describe_operation(p_operation jsonb) returns jsonb
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select
    (p_operation - array['schema_name', 'tenant_id', 'sealed', 'seal', 'lease_holder', 'lease_until'])
    || jsonb_build_object(
      'tenant', p_operation -> 'schema_name',
      'arguments', (p_operation ->> 'sealed')::jsonb -> 'arguments',
      'request_digest', (p_operation ->> 'sealed')::jsonb -> 'request_digest'
    )
$$;


create or replace function tenancy.list_operations(p_request text, p_expires bigint, p_proof text)
returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_request constant jsonb := tenancy.require_operator('list_operations', p_request, p_expires, p_proof);
begin
  return (
    with found as (
      select o.id, o.created_at
      from tenancy.operations as o
      where (v_request ->> 'tenant' is null or o.schema_name = v_request ->> 'tenant')
        and (v_request ->> 'status' is null or o.status = v_request ->> 'status')
        and (v_request ->> 'kind' is null or o.kind = v_request ->> 'kind')
    ),
    page as (
      select f.id, f.created_at
      from found as f
      order by f.created_at desc, f.id
      limit (v_request ->> 'limit')::bigint
      offset (v_request ->> 'offset')::bigint
    )
    select jsonb_build_object(
      'count', (select count(*) from found as f),
      'results', (
        select coalesce(jsonb_agg(tenancy.describe_operation(to_jsonb(o)) order by p.created_at desc, p.id), '[]')
        from page as p
        join tenancy.operations as o on o.id = p.id
      )
    )
  );
end
$$;

comment on function tenancy.list_operations(text, bigint, text) is
  'Returns a page of operations, the newest first. The proof covers operators.list_operations|request|expires.';


create or replace function tenancy.find_operation(p_request text, p_expires bigint, p_proof text)
returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_request constant jsonb := tenancy.require_operator('find_operation', p_request, p_expires, p_proof);
begin
  return (
    select tenancy.describe_operation(to_jsonb(o)) || jsonb_build_object(
      'log',
      (
        select coalesce(jsonb_agg(jsonb_build_object('at', l.at, 'text', l.text) order by l.place), '[]')
        from tenancy.operation_log as l
        where l.operation_id = o.id
      )
    )
    from tenancy.operations as o
    where o.id = (v_request ->> 'id')::uuid
  );
end
$$;

comment on function tenancy.find_operation(text, bigint, text) is
  'Returns an operation with its log. Null if it does not exist. The proof covers operators.find_operation|request|expires.';


-- Workers with one shared directory report the same dumps.
create or replace function tenancy.list_dumps(p_request text, p_expires bigint, p_proof text)
returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform tenancy.require_operator('list_dumps', p_request, p_expires, p_proof);
  return (
    with workers as (
      select w.dumps
      from tenancy.workers as w
      where w.seen_at > now() - interval '1 minute'
        and w.dumps is not null
    )
    select case
      when count(*) > 0 then (
        select coalesce(jsonb_agg(d.dump order by d.dump ->> 'modified_at' desc, d.dump ->> 'name'), '[]')
        from (
          select distinct on (e.dump ->> 'name') e.dump
          from workers as w
          cross join lateral jsonb_array_elements(w.dumps) as e (dump)
          order by e.dump ->> 'name', e.dump ->> 'modified_at' desc
        ) as d
      )
    end
    from workers
  );
end
$$;

comment on function tenancy.list_dumps(text, bigint, text) is
  'Returns the dumps that workers have reported, the newest first. Null if no worker has a directory. The proof covers operators.list_dumps|request|expires.';
