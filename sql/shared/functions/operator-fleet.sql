-- functions/operator-fleet.sql: numbers of the fleet, and the audit, for operators. The service calls these functions.
-- They take their arguments and a proof as those of functions/operations.sql do.

create or replace function tenancy.fleet_overview(p_request text, p_expires bigint, p_proof text)
returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
  v_request constant jsonb := tenancy.require_operator('fleet_overview', p_request, p_expires, p_proof);
begin
  return (
    with items as materialized (
      select i.*
      from tenancy.tenant_items(v_request ->> 'expected', (v_request ->> 'expected_count')::integer) as i
      where i.type <> 'site'
    )
    select jsonb_build_object(
      'tenants', (
        select coalesce(jsonb_object_agg(b.status, b.tenants), '{}')
        from (select i.status, count(*) as tenants from items as i group by i.status) as b
      ),
      'versions', (
        select coalesce(
          jsonb_agg(jsonb_build_object('version', v.version, 'count', v.tenants) order by v.version desc nulls last),
          '[]'
        )
        from (
          select i.version, count(*) as tenants
          from items as i
          where i.status <> 'deleted'
          group by i.version
        ) as v
      ),
      'behind', (select count(*) from items as i where not i.is_current and i.status <> 'deleted'),
      'failed_migrations', (
        select coalesce(
          jsonb_agg(
            jsonb_build_object(
              'schema', f.schema_name,
              'migration', f.migration,
              'message', f.error,
              'message_without_values', f.error_without_values,
              'at', f.failed_at
            )
            order by f.failed_at desc
          ),
          '[]'
        )
        from (
          select t.schema_name, m.migration, m.error, m.error_without_values, m.failed_at
          from tenancy.migration_failures as m
          join public.tenants as t on t.id = m.tenant_id
          order by m.failed_at desc
          limit 100
        ) as f
      ),
      'drift', (
        select jsonb_build_object('at', o.ended_at, 'result', o.result)
        from tenancy.operations as o
        where o.kind = 'drift'
          and o.status = 'succeeded'
          and o.schema_name is null
        order by o.ended_at desc
        limit 1
      ),
      'largest', (
        select coalesce(
          jsonb_agg(jsonb_build_object('schema', l.schema_name, 'bytes', l.bytes) order by l.bytes desc),
          '[]'
        )
        from (
          select s.schema_name, s.bytes
          from tenancy.schema_sizes(array(select i.schema_name from items as i)) as s
          order by s.bytes desc
          limit 10
        ) as l
      ),
      'due_work', (
        select coalesce(jsonb_agg(to_jsonb(d) order by d.kind), '[]')
        from (
          select
            w.kind,
            count(*) as tenants,
            count(*) filter (where w.due_at < now() - interval '5 minutes') as overdue
          from tenancy.due_work as w
          join public.tenants as t on t.id = w.tenant_id
          where t.status in ('active', 'suspended')
          group by w.kind
        ) as d
      ),
      'worker', jsonb_build_object('seen_at', (select max(w.seen_at) from tenancy.workers as w)),
      'operations', (
        select jsonb_build_object(
          'queued', count(*) filter (where o.status = 'queued'),
          'running', count(*) filter (where o.status = 'running'),
          'failed_today', count(*) filter (where o.status = 'failed' and o.ended_at > now() - interval '1 day')
        )
        from tenancy.operations as o
        where o.status in ('queued', 'running')
          or o.ended_at > now() - interval '1 day'
      )
    )
  );
end
$$;

comment on function tenancy.fleet_overview(text, bigint, text) is
  'Returns numbers of the fleet, failed migrations and the largest tenants. The proof covers operators.fleet_overview|request|expires.';


create or replace function tenancy.list_audit_events(p_request text, p_expires bigint, p_proof text)
returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return tenancy.read_audit(tenancy.require_operator('list_audit_events', p_request, p_expires, p_proof));
end
$$;

comment on function tenancy.list_audit_events(text, bigint, text) is
  'Returns a page of the audit, the newest first. The proof covers operators.list_audit_events|request|expires.';
