-- figures.sql: how the fleet stands, in numbers, for metrics.

-- Totals and no names: the service may not list its tenants.
create function tenancy.figures(p_expected text, p_expected_site text)
returns table (
  tenants bigint,
  closed bigint,
  spares bigint,
  behind bigint,
  failed bigint,
  mail_waiting bigint,
  mail_overdue double precision,
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
      ) as is_behind
    from public.tenants as t
    join tenancy.installation as i on i.database = t.database
    where t.status <> 'deleted'
  ),
  mail as (
    select count(*) as waiting, coalesce(max(extract(epoch from now() - w.due_at)), 0) as overdue
    from tenancy.mail_waiting as w
    join here as h on h.id = w.tenant_id
    where w.due_at <= now()
      and h.status in ('active', 'suspended')
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
    m.waiting,
    m.overdue::double precision,
    extract(epoch from clock_timestamp())::double precision
  from mail as m
$$;

comment on function tenancy.figures(text, text) is
  'How many tenants live here, are closed, are spares, are behind the migrations named, have failed in one or have mail that is due; for how many seconds it is overdue; and what time it is. Totals only.';
