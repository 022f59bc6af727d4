-- mail.sql: which tenants have mail to send.
--
-- Mail waits in the outbox of each tenant's own schema, written in the same
-- transaction as what it tells of. Looking into thousands of schemas for it
-- would be the whole work of a server: this is the list of where to look.

create table tenancy.mail_waiting (
  tenant_id uuid not null,
  marked_at timestamptz not null,
  due_at timestamptz not null,
  constraint mail_waiting_pkey primary key (tenant_id),
  constraint mail_waiting__tenant foreign key (tenant_id) references public.tenants (id) on delete cascade
);

comment on table tenancy.mail_waiting is
  'Tenants whose outbox holds something. A hint: it says where to look and when, never what.';
comment on column tenancy.mail_waiting.marked_at is
  'When the last mail was put there. Whoever has emptied the outbox takes the row away only if this is still what it saw.';

create index mail_waiting__due_at on tenancy.mail_waiting (due_at);


-- Called by the trigger of every outbox. The row's lock is held until the
-- transaction ends, so that settle_mail cannot take away what it does not see yet.
create function tenancy.mark_mail() returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  insert into tenancy.mail_waiting (tenant_id, marked_at, due_at)
  select t.id, clock_timestamp(), now()
  from public.tenants as t
  where t.role_name = tenancy.current_tenant()
  on conflict on constraint mail_waiting_pkey do update
    set marked_at = excluded.marked_at, due_at = excluded.due_at
$$;


-- The tenants to look into now. Those that cannot be entered wait until they can.
create function tenancy.mail_due(p_limit integer)
returns table (tenant_id uuid, marked_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select w.tenant_id, w.marked_at
  from tenancy.mail_waiting as w
  join public.tenants as t on t.id = w.tenant_id
  where w.due_at <= now()
    and t.status in ('active', 'suspended')
  order by w.due_at
  limit p_limit
$$;


-- Says when to look again, or, without a time, that nothing is left. Does
-- nothing when mail has come since p_seen: that one is due already.
create function tenancy.settle_mail(p_seen timestamptz, p_due timestamptz) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  with here as (
    select t.id
    from public.tenants as t
    where t.role_name = tenancy.current_tenant()
  ),
  emptied as (
    delete from tenancy.mail_waiting as w
    using here as h
    where w.tenant_id = h.id
      and w.marked_at = p_seen
      and p_due is null
  )
  update tenancy.mail_waiting as w
  set due_at = p_due
  from here as h
  where w.tenant_id = h.id
    and w.marked_at = p_seen
    and p_due is not null
$$;

comment on function tenancy.mark_mail() is 'Says that the tenant that is inside has mail to send.';
comment on function tenancy.mail_due(integer) is 'Tenants that have mail to send now: ids and nothing of the mail.';
comment on function tenancy.settle_mail(timestamptz, timestamptz) is
  'Says of the tenant that is inside when its mail is to be looked at again.';
