-- functions/statistics.sql: numbers of the fleet, for metrics.

-- Totals without names: the service may not list its tenants. Tenants choose the kinds of
-- their due work, so only the kinds that the service passes are counted.
create or replace function tenancy.statistics(
  p_expected text,
  p_expected_count integer,
  p_expected_site text,
  p_expected_site_count integer,
  p_kinds text[]
)
returns table (
  tenants bigint,
  closed bigint,
  spares bigint,
  behind bigint,
  failed bigint,
  due jsonb,
  clock double precision
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  with here as (
    select
      t.id,
      t.status,
      coalesce(
        t.migrated_to < case when t.type = 'site' then p_expected_site else p_expected end collate "C",
        true
      )
      or t.transactional_applied < case when t.type = 'site' then p_expected_site_count else p_expected_count end as is_behind
    from public.tenants as t
    join tenancy.installation as i on i.database = t.database
    where t.status <> 'deleted'
  ),
  due as (
    select
      w.kind,
      count(*) as waiting,
      extract(epoch from now() - min(w.due_at))::double precision as overdue
    from tenancy.due_work as w
    join here as h on h.id = w.tenant_id
    where w.due_at <= now()
      and h.status in ('active', 'suspended')
      and w.kind = any (p_kinds)
    group by w.kind
  )
  select
    (select count(*) from here as h where h.status <> 'spare'),
    (select count(*) from here as h where h.status in ('maintenance', 'moving')),
    (select count(*) from here as h where h.status = 'spare'),
    (select count(*) from here as h where h.status <> 'spare' and h.is_behind),
    (
      select count(*)
      from tenancy.migration_failures as f
      join here as h on h.id = f.tenant_id
    ),
    (select coalesce(jsonb_agg(to_jsonb(d) order by d.kind), '[]') from due as d),
    extract(epoch from clock_timestamp())::double precision
$$;

comment on function tenancy.statistics(text, integer, text, integer, text[]) is
  'Returns numbers of tenants in this database: all, closed, spare, behind the given migrations, failed. For each kind of due work, the number of tenants and the age of the oldest work in seconds. The database''s clock. Totals only.';
