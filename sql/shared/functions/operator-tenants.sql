-- functions/operator-tenants.sql: the tenants, for operators. The service calls these functions. They take their
-- arguments and a proof as those of functions/operations.sql do.

-- Pages as of the last vacuum: the size functions are revoked. Null for a tenant in another database.
create or replace function tenancy.schema_sizes(p_schemas text[])
returns table (schema_name text, bytes bigint)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select
    n.nspname::text,
    sum(
      greatest(c.relpages, 0)::bigint + coalesce(greatest(o.relpages, 0), 0) + coalesce(i.relpages, 0)
    )::bigint * current_setting('block_size')::bigint
  from pg_namespace as n
  join pg_class as c on c.relnamespace = n.oid and c.relkind = 'r'
  left join pg_class as o on o.oid = c.reltoastrelid
  left join lateral (
    select sum(greatest(x.relpages, 0))::bigint as relpages
    from pg_index as d
    join pg_class as x on x.oid = d.indexrelid
    where d.indrelid in (c.oid, c.reltoastrelid)
  ) as i on true
  where n.nspname = any (p_schemas)
  group by n.nspname
$$;


-- One row for each tenant, with everything that a list may filter and order by, except the size.
create or replace function tenancy.tenant_items(p_expected text, p_expected_count integer)
returns table (
  id uuid,
  schema_name text,
  name text,
  type text,
  status text,
  domain text,
  domains_count bigint,
  plan text,
  paid_until date,
  on_trial boolean,
  version text,
  is_current boolean,
  failed_migration text,
  database text,
  created_at timestamptz
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select
    t.id,
    t.schema_name,
    t.name,
    t.type,
    t.status,
    d.domain,
    (select count(*) from public.domains as e where e.tenant_id = t.id),
    s.plan,
    t.paid_until,
    t.on_trial,
    t.migrated_to,
    (t.migrated_to >= p_expected collate "C" and t.transactional_applied >= p_expected_count) is true,
    case when f.tenant_id is not null then coalesce(f.migration, '') end,
    t.database,
    t.created_at
  from public.tenants as t
  left join public.domains as d on d.tenant_id = t.id and d.is_primary
  left join tenancy.subscriptions as s on s.tenant_id = t.id
  left join tenancy.migration_failures as f on f.tenant_id = t.id
  where t.status <> 'spare'
    and t.schema_name not like 'unfinished\_%'
$$;


create or replace function tenancy.list_tenants(p_request text, p_expires bigint, p_proof text)
returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_request constant jsonb := tenancy.require_operator('list_tenants', p_request, p_expires, p_proof);
  v_search constant text := '%' || replace(replace(replace(
    lower(v_request ->> 'search'), '\', '\\'), '%', '\%'), '_', '\_') || '%';
  v_by constant text := v_request ->> 'order';
  v_down constant boolean := (v_request ->> 'descending')::boolean;
begin
  return (
    with found as materialized (
      select i.*
      from tenancy.tenant_items(v_request ->> 'expected', (v_request ->> 'expected_count')::integer) as i
      where i.type <> 'site'
        and (
          v_search is null
          or lower(i.schema_name) like v_search
          or lower(i.name) like v_search
          or exists (
            select
            from public.domains as d
            where d.tenant_id = i.id
              and d.domain like v_search
          )
        )
        and (v_request ->> 'status' is null or i.status = v_request ->> 'status')
        and (v_request ->> 'version' is null or i.version = v_request ->> 'version')
        and (v_request ->> 'plan' is null or i.plan = v_request ->> 'plan')
        and (
          v_request ->> 'due' is null
          or exists (
            select
            from tenancy.due_work as w
            where w.tenant_id = i.id
              and w.kind = v_request ->> 'due'
          )
        )
        and (v_request ->> 'failed' is null or (i.failed_migration is not null) = (v_request ->> 'failed')::boolean)
    ),
    sized as materialized (
      select s.schema_name, s.bytes
      from tenancy.schema_sizes(
        case when v_by = 'size_bytes' then array(select f.schema_name from found as f) else '{}' end
      ) as s
    ),
    page as materialized (
      select
        f.*,
        row_number() over (
          order by
            case when not v_down then
              case v_by
                when 'name' then lower(f.name)
                when 'status' then f.status
                when 'plan' then f.plan
                when 'version' then f.version
                when 'domain' then f.domain
              end collate "C"
            end asc nulls last,
            case when v_down then
              case v_by
                when 'name' then lower(f.name)
                when 'status' then f.status
                when 'plan' then f.plan
                when 'version' then f.version
                when 'domain' then f.domain
              end collate "C"
            end desc nulls last,
            case when not v_down then
              case v_by
                when 'created_at' then extract(epoch from f.created_at)
                when 'paid_until' then extract(epoch from f.paid_until::timestamp)
                when 'domains_count' then f.domains_count
                when 'size_bytes' then z.bytes
              end
            end asc nulls last,
            case when v_down then
              case v_by
                when 'created_at' then extract(epoch from f.created_at)
                when 'paid_until' then extract(epoch from f.paid_until::timestamp)
                when 'domains_count' then f.domains_count
                when 'size_bytes' then z.bytes
              end
            end desc nulls last,
            case when v_down and v_by = 'schema' then f.schema_name end collate "C" desc,
            f.schema_name collate "C"
        ) as place
      from found as f
      left join sized as z on z.schema_name = f.schema_name
      order by place
      limit (v_request ->> 'limit')::bigint
      offset (v_request ->> 'offset')::bigint
    )
    select jsonb_build_object(
      'count', (select count(*) from found as f),
      'results', (
        select coalesce(
          jsonb_agg(
            (to_jsonb(p) - array['id', 'place', 'schema_name', 'type'])
              || jsonb_build_object('schema', p.schema_name, 'size_bytes', s.bytes)
            order by p.place
          ),
          '[]'
        )
        from page as p
        left join tenancy.schema_sizes(array(select q.schema_name from page as q)) as s
          on s.schema_name = p.schema_name
      )
    )
  );
end
$$;

comment on function tenancy.list_tenants(text, bigint, text) is
  'Returns a page of tenants. The proof covers operators.list_tenants|request|expires.';


create or replace function tenancy.show_tenant(p_request text, p_expires bigint, p_proof text)
returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_request constant jsonb := tenancy.require_operator('show_tenant', p_request, p_expires, p_proof);
begin
  return (
    select
      (to_jsonb(i) - array['schema_name'])
      || jsonb_build_object(
        'schema', i.schema_name,
        'size_bytes', (select s.bytes from tenancy.schema_sizes(array[i.schema_name]) as s),
        'lane', t.lane,
        'retry_after', t.retry_after,
        'deleted_at', t.deleted_at,
        'purge_after', t.purge_after,
        'overrides', t.settings,
        'domains', (
          select coalesce(
            jsonb_agg(
              jsonb_build_object(
                'domain', d.domain,
                'is_primary', d.is_primary,
                'is_verified', d.verified_at is not null,
                'token', d.verification_token
              )
              order by d.is_primary desc, d.domain
            ),
            '[]'
          )
          from public.domains as d
          where d.tenant_id = t.id
        ),
        'payments', (
          select coalesce(jsonb_agg(to_jsonb(p) - 'tenant_id' order by p.recorded_at desc, p.reference), '[]')
          from (
            select q.reference, q.paid_until, q.amount::text as amount, q.currency, q.recorded_at
            from tenancy.payments as q
            where q.tenant_id = t.id
            order by q.recorded_at desc, q.reference
            limit 100
          ) as p
        ),
        'last_error', (
          select jsonb_build_object(
            'migration', f.migration,
            'message', f.error,
            'message_without_values', f.error_without_values,
            'attempts', f.attempts,
            'at', f.failed_at
          )
          from tenancy.migration_failures as f
          where f.tenant_id = t.id
        )
      )
    from tenancy.tenant_items(v_request ->> 'expected', (v_request ->> 'expected_count')::integer) as i
    join public.tenants as t on t.id = i.id
    where i.schema_name = v_request ->> 'tenant'
  );
end
$$;

comment on function tenancy.show_tenant(text, bigint, text) is
  'Returns a tenant with its domains, settings and payments. Null if it does not exist. The proof covers operators.show_tenant|request|expires.';
