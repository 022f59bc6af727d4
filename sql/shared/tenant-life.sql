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
      when t.status = 'active' and not t.on_trial and t.paid_until < (now() at time zone 'UTC')::date then 'unpaid'
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
