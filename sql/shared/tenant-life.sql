-- tenant-life.sql: what a tenant goes through after it was created: maintenance,
-- deletion with a time to think again, renaming, domains of its own.

alter table public.tenants
  add column status_before text,
  add column retry_after integer,
  add column deleted_at timestamptz,
  add column purge_after timestamptz,
  add column purge_started_at timestamptz,
  add constraint tenants__status_before check (status_before in ('active', 'suspended')),
  add constraint tenants__retry_after check (retry_after between 1 and 86400),
  add constraint tenants__type_form check (type ~ '^[a-z][a-z0-9_-]{0,47}$');

comment on column public.tenants.status_before is
  'Where the tenant goes back to from maintenance or deletion. Null in every other status.';
comment on column public.tenants.retry_after is
  'Seconds that clients are told to wait while the tenant is in maintenance. Null: 60.';
comment on column public.tenants.deleted_at is
  'Since when the tenant is deleted, and may be undeleted.';
comment on column public.tenants.purge_after is
  'When purge-tenants may drop a deleted tenant for good. Null: never by itself.';
comment on column public.tenants.purge_started_at is
  'Since when tables are being dropped: from here on nothing brings the tenant back.';

alter table public.domains
  add column verified_at timestamptz,
  add column verification_token text not null default replace(gen_random_uuid()::text, '-', ''),
  add constraint domains__verification_token_form check (verification_token ~ '^[0-9a-f]{32}$');

comment on column public.domains.verified_at is
  'When its DNS was seen to hold the token. Null: never. Subdomains of the base domain need none.';
comment on column public.domains.verification_token is
  'What the TXT record _koa-tenants.<domain> must hold. Of this tenant: who takes the domain over needs another.';


-- As in functions.sql, but for two things. The lock comes before the row is read:
-- the other way round, a request that had read the row waited for nothing, and
-- came in after an operation that had seen everybody leave. And the refusal
-- carries the seconds to wait.
create or replace function tenancy.enter(p_tenant uuid, p_expires bigint, p_proof text)
returns table (path text, role text, status text, unpaid boolean)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant double precision := extract(epoch from clock_timestamp());
  v_tenant record;
begin
  if (p_expires between v_now and v_now + 120) is not true then
    raise exception 'the proof has expired' using errcode = 'KT002';
  end if;

  if (
    encode(
      tenancy.mac('proof', split_part(p_proof, '.', 1), 'enter|' || p_tenant || '|' || p_expires),
      'hex'
    ) = split_part(p_proof, '.', 2)
  ) is not true then
    raise exception 'the proof is not valid' using errcode = 'KT002';
  end if;

  -- Shared: requests do not wait for each other, only for a move, a rename or a
  -- deletion, and for those they wait in Node and not on a connection.
  if pg_try_advisory_xact_lock_shared(hashtextextended(p_tenant::text, 0)) is not true then
    raise exception 'the tenant is locked' using errcode = 'KT004';
  end if;

  select
    t.schema_name,
    t.role_name,
    t.status,
    coalesce(t.retry_after, 60) as retry_after,
    (not t.on_trial and t.paid_until < current_date) is true as unpaid
  into v_tenant
  from public.tenants as t
  where t.id = p_tenant;

  if (v_tenant.status not in ('deleted', 'spare')) is not true then
    raise exception 'no such tenant' using errcode = 'KT001';
  end if;

  if (v_tenant.status in ('active', 'suspended')) is not true then
    raise exception 'the tenant is in status %', v_tenant.status
      using errcode = 'KT003', detail = v_tenant.retry_after::text;
  end if;

  perform tenancy.carry(v_tenant.role_name);

  return query
    select quote_ident(v_tenant.schema_name) || ', pg_temp', v_tenant.role_name, v_tenant.status, v_tenant.unpaid;
end
$$;


drop function tenancy.resolve_host(text);

create function tenancy.resolve_host(p_host text)
returns table (
  tenant_id uuid,
  status text,
  is_site boolean,
  key_generation integer,
  migrated_to text,
  retry_after integer,
  verified boolean,
  primary_domain text,
  primary_verified boolean
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select
    t.id,
    case
      when t.status = 'active' and not t.on_trial and t.paid_until < current_date then 'unpaid'
      else t.status
    end,
    t.type = 'site',
    t.key_generation,
    t.migrated_to,
    coalesce(t.retry_after, 60),
    d.verified_at is not null,
    p.domain,
    p.verified_at is not null
  from public.domains as d
  join public.tenants as t on t.id = d.tenant_id
  join public.domains as p on p.tenant_id = t.id and p.is_primary
  where d.domain = p_host
    and t.status not in ('deleted', 'spare')
$$;

comment on function tenancy.resolve_host(text) is
  'All that the service may know of a tenant before it has entered it.';
