-- functions/due-work.sql: the list of tenants that have work for a worker.
--
-- An app keeps its work (mail, jobs) in the tenant's own schema and writes it in the
-- transaction that needs it. Workers cannot query thousands of schemas: this list contains the
-- tenants with work, its kind, and its time. It has no content.

-- Called by triggers of an app's tables, so by tenant roles. The row stays locked until
-- the transaction ends: reschedule_due cannot remove it before the work is visible.
--
-- The number of kinds is limited, because a tenant chooses the text.
create or replace function tenancy.mark_due(p_kind text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant uuid;
begin
  select t.id
  into v_tenant
  from public.tenants as t
  where t.role_name = tenancy.current_tenant();

  if (v_tenant is not null) is not true then
    return;
  end if;

  update tenancy.due_work as w
  set marked_at = clock_timestamp(), due_at = now()
  where w.tenant_id = v_tenant
    and w.kind = p_kind;
  if found then
    return;
  end if;

  if ((select count(*) from tenancy.due_work as w where w.tenant_id = v_tenant) < 16) is not true then
    raise exception 'a tenant has at most 16 kinds of due work' using errcode = 'KT011';
  end if;

  insert into tenancy.due_work (tenant_id, kind, marked_at, due_at)
  values (v_tenant, p_kind, clock_timestamp(), now())
  on conflict on constraint due_work_pkey do update
    set marked_at = excluded.marked_at, due_at = excluded.due_at;
end
$$;

comment on function tenancy.mark_due(text) is
  'Adds the current tenant to the list of due work of a kind. Does nothing outside a tenant.';


-- Returns only tenants in this database: for a moved tenant, the database it moved to is
-- responsible. Tenants that cannot be entered are not returned.
create or replace function tenancy.find_due(p_kind text, p_limit integer)
returns table (tenant_id uuid, marked_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select w.tenant_id, w.marked_at
  from tenancy.due_work as w
  join public.tenants as t on t.id = w.tenant_id
  join tenancy.installation as i on i.database = t.database
  where w.kind = p_kind
    and w.due_at <= now()
    and t.status in ('active', 'suspended')
  order by w.due_at
  limit p_limit
$$;

comment on function tenancy.find_due(text, integer) is
  'Returns the ids of tenants that have due work of a kind.';


-- If p_due is null, no work is left. Changes nothing when work was marked after p_seen: that
-- work is due already.
create or replace function tenancy.reschedule_due(p_kind text, p_seen timestamptz, p_due timestamptz) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  with here as (
    select t.id
    from public.tenants as t
    where t.role_name = tenancy.current_tenant()
  ),
  done as (
    delete from tenancy.due_work as w
    using here as h
    where w.tenant_id = h.id
      and w.kind = p_kind
      and w.marked_at = p_seen
      and p_due is null
  )
  update tenancy.due_work as w
  set due_at = p_due
  from here as h
  where w.tenant_id = h.id
    and w.kind = p_kind
    and w.marked_at = p_seen
    and p_due is not null
$$;

comment on function tenancy.reschedule_due(text, timestamptz, timestamptz) is
  'Sets the time at which a worker next enters the current tenant, or removes the tenant from the list.';
