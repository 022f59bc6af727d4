-- fleet.sql: what is known of each tenant's migrations, besides the last one.

alter table public.tenants
  add column concurrent_to text,
  add column migrations_applied integer not null default 0,
  add constraint tenants__migrations_applied check (migrations_applied >= 0);

comment on column public.tenants.migrated_to is
  'Name of the last tenant migration applied in a transaction, so that an up-to-date fleet costs one query.';
comment on column public.tenants.concurrent_to is
  'Name of the last migration applied outside a transaction. Null: none yet.';
comment on column public.tenants.migrations_applied is
  'How many names the tenant''s ledger holds. Fewer than the code has: one was added with an earlier time.';


-- One for all ledgers: each would have to make its own.
create sequence tenancy_migrations.ids;
grant usage on sequence tenancy_migrations.ids to tenant_owner;


create table tenancy.migration_failures (
  tenant_id uuid not null,
  migration text,
  error text not null,
  attempts integer not null default 1,
  failed_at timestamptz not null default now(),
  constraint migration_failures_pkey primary key (tenant_id),
  constraint migration_failures__tenant
    foreign key (tenant_id) references public.tenants (id) on delete cascade,
  constraint migration_failures__attempts check (attempts > 0)
);

comment on table tenancy.migration_failures is
  'Tenants whose last migration failed, until one succeeds.';
comment on column tenancy.migration_failures.migration is
  'Name of the one that failed. Null: it failed before or after them.';
comment on column tenancy.migration_failures.attempts is
  'Runs of migrate that failed one after the other.';


create index tenants__spare on public.tenants (created_at) where status = 'spare';
