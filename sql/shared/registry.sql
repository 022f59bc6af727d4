-- registry.sql: tables that the tenants of a database share.
--
-- Owned by tenancy_owner. No tenant role and no service login may read them: they call the
-- functions of sql/shared/functions/, which return the data of one host or of the current
-- tenant. Those functions exist before this file runs.

create table public.tenants (
  id uuid not null default gen_random_uuid(),
  schema_name text not null,
  role_name text not null generated always as ('t_' || replace(id::text, '-', '')) stored,
  name text not null,
  paid_until date,
  on_trial boolean not null default true,
  status text not null default 'active',
  status_before text,
  retry_after integer,
  deleted_at timestamptz,
  purge_after timestamptz,
  purge_started_at timestamptz,
  type text not null default 'tenant',
  database text not null default 'main',
  lane integer,
  settings jsonb not null default '{}',
  key_generation integer not null default 1,
  migrated_to text,
  concurrent_to text,
  migrations_applied integer not null default 0,
  transactional_applied integer not null default 0,
  created_at timestamptz not null default now(),
  constraint tenants_pkey primary key (id),
  constraint tenants__schema_name unique (schema_name),
  constraint tenants__role_name unique (role_name),
  constraint tenants__schema_name_form check (
    schema_name ~ '^[a-z][a-z0-9_]{0,47}$'
    and schema_name !~ '^pg_'
    and schema_name not in (
      'public', 'tenancy', 'tenancy_migrations', 'information_schema', 'global', 'extensions'
    )
    and (schema_name = 'site') = (type = 'site')
  ),
  constraint tenants__name_length check (length(name) between 1 and 255),
  -- Shown on terminals and in the headers of mail: no control characters, line or paragraph
  -- separators.
  constraint tenants__name_form check (name !~ '[\u0001-\u001f\u007f-\u009f\u2028\u2029]'),
  constraint tenants__status check (
    status in ('active', 'suspended', 'maintenance', 'moving', 'deleted', 'spare')
  ),
  constraint tenants__status_before check (status_before in ('active', 'suspended')),
  constraint tenants__retry_after check (retry_after between 1 and 86400),
  constraint tenants__type_form check (type ~ '^[a-z][a-z0-9_-]{0,47}$'),
  constraint tenants__database_form check (database ~ '^[a-z][a-z0-9_-]{0,31}$'),
  constraint tenants__lane check (lane between 0 and 63),
  constraint tenants__settings_object check (jsonb_typeof(settings) = 'object'),
  constraint tenants__key_generation check (key_generation > 0),
  constraint tenants__migrations_applied check (migrations_applied >= 0),
  constraint tenants__transactional_applied check (transactional_applied >= 0)
);

comment on table public.tenants is
  'A customer: one row, one schema, one NOLOGIN role. The row of type site is the public site.';
comment on column public.tenants.role_name is
  'Made from the id, because roles belong to the whole cluster and their names are visible to everyone.';
comment on column public.tenants.paid_until is
  'Last paid day, which ends at midnight UTC. Null: no payment required.';
comment on column public.tenants.status_before is
  'The status to return to from maintenance or deletion. Null in every other status.';
comment on column public.tenants.retry_after is
  'Seconds that clients wait while the tenant is in maintenance. Null: 60.';
comment on column public.tenants.deleted_at is
  'When the tenant was deleted. It can be undeleted.';
comment on column public.tenants.purge_after is
  'When purge-tenants may drop a deleted tenant. Null: never automatically.';
comment on column public.tenants.purge_started_at is
  'When the first table was dropped. The tenant cannot be undeleted after that.';
comment on column public.tenants.database is
  'Name of the configured PostgreSQL server that holds the schema.';
comment on column public.tenants.lane is
  'The pool shard that serves the tenant. Null: one of the shared shards, by a hash of the id.';
comment on column public.tenants.key_generation is
  'Generation of the token signing key. Raising it makes all older tokens invalid.';
comment on column public.tenants.migrated_to is
  'Name of the last tenant migration applied in a transaction, so that an up-to-date fleet costs one query.';
comment on column public.tenants.concurrent_to is
  'Name of the last migration applied outside a transaction. Null: none yet.';
comment on column public.tenants.migrations_applied is
  'Number of names in the tenant''s migration history. Fewer than the code has: one was added with an earlier time.';

comment on column public.tenants.transactional_applied is
  'Number of these names that were applied in a transaction. The service compares it with its code.';

create index tenants__spare on public.tenants (created_at) where status = 'spare';

create table public.domains (
  domain text not null,
  tenant_id uuid not null,
  is_primary boolean not null default false,
  created_at timestamptz not null default now(),
  verified_at timestamptz,
  verification_token text not null default replace(gen_random_uuid()::text, '-', ''),
  constraint domains_pkey primary key (domain),
  constraint domains__tenant foreign key (tenant_id) references public.tenants (id) on delete cascade,
  constraint domains__domain_form check (
    length(domain) <= 253
    and domain ~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'
  ),
  constraint domains__verification_token_form check (verification_token ~ '^[0-9a-f]{32}$')
);

comment on table public.domains is
  'Hostnames of tenants: lowercase, without port and trailing dot.';
comment on column public.domains.verified_at is
  'When the token was found in DNS. Null: not verified. Subdomains of the base domain need no verification.';
comment on column public.domains.verification_token is
  'Required value of the TXT record _koa-tenants.<domain>. A domain that passes to another tenant gets a new token.';

create index domains__tenant_id on public.domains (tenant_id);

create unique index domains__one_primary on public.domains (tenant_id) where is_primary;

create constraint trigger domains__primary_required
  after insert or update or delete on public.domains
  deferrable initially deferred
  for each row execute function tenancy.require_primary_domain();

create trigger tenants__notify
  after insert or update or delete on public.tenants
  for each row execute function tenancy.notify_change();

create trigger domains__notify
  after insert or update or delete on public.domains
  for each row execute function tenancy.notify_change();


create table tenancy.keys (
  id text not null,
  purpose text not null,
  inner_pad bytea not null,
  outer_pad bytea not null,
  created_at timestamptz not null default now(),
  constraint keys_pkey primary key (purpose, id),
  constraint keys__id_form check (id ~ '^[a-zA-Z0-9_-]{1,32}$'),
  constraint keys__purpose check (purpose in ('proof', 'context')),
  constraint keys__pads check (length(inner_pad) = 64 and length(outer_pad) = 64)
);

comment on table tenancy.keys is
  'Keys of purpose proof are shared with the service (TENANCY_KEYS); the key of purpose context never leaves the database.';

-- The database's own key, from two version-4 uuids (244 random bits).
select tenancy.install_key(
  'context',
  'own',
  sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'))
);


create table tenancy.installation (
  only_row boolean not null default true,
  service text not null,
  context_mode text not null,
  fingerprint text not null,
  database text not null default 'main',
  installed_at timestamptz not null default now(),
  fleet_check text,
  constraint installation_pkey primary key (only_row),
  constraint installation__only_row check (only_row),
  constraint installation__context_mode check (context_mode in ('guarded', 'signed')),
  constraint installation__database_form check (database ~ '^[a-z][a-z0-9_-]{0,31}$')
);

comment on table tenancy.installation is
  'The last installation in this database. The fingerprint covers the shared migrations and the SQL that is applied again on change.';
comment on column tenancy.installation.database is
  'Name of this database in DATABASES. Only tenants of this database can be entered here.';
comment on column tenancy.installation.fleet_check is
  'Digest of the checks of all tenants'' schemas whose last run had no finding. Null: it had one, or never ran.';


create table tenancy.lane_logins (
  lane integer not null,
  login text not null,
  is_shared boolean not null,
  constraint lane_logins_pkey primary key (lane),
  constraint lane_logins__login unique (login),
  constraint lane_logins__lane check (lane between 0 and 63)
);

comment on table tenancy.lane_logins is
  'The logins of the pool shards, from LANE_LOGINS. Empty: all shards use the login of DATABASE_URL.';
comment on column tenancy.lane_logins.is_shared is
  'Whether tenants are assigned by their hash. The other shards serve only tenants that are pinned to them.';


-- One sequence for all migration histories: each would otherwise need its own.
create sequence tenancy_migrations.ids;
grant usage on sequence tenancy_migrations.ids to tenant_owner;

create table tenancy.migration_failures (
  tenant_id uuid not null,
  migration text,
  error text not null,
  error_without_values text,
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
  'Name of the migration that failed. Null: the failure was before or after the migrations.';
comment on column tenancy.migration_failures.error_without_values is
  'The error for operators who must not see values of rows. Null: it is hidden from them.';
comment on column tenancy.migration_failures.attempts is
  'Number of consecutive failed runs.';


create table tenancy.due_work (
  tenant_id uuid not null,
  kind text not null,
  marked_at timestamptz not null,
  due_at timestamptz not null,
  constraint due_work_pkey primary key (tenant_id, kind),
  constraint due_work__tenant foreign key (tenant_id) references public.tenants (id) on delete cascade,
  constraint due_work__kind_form check (kind ~ '^[a-z][a-z0-9_]{0,31}$')
);

comment on table tenancy.due_work is
  'Tenants that have work for a worker, one row per kind, with its time. The work itself is in the tenant''s schema.';
comment on column tenancy.due_work.kind is
  'Kind of work, chosen by the app: mail, for example.';
comment on column tenancy.due_work.marked_at is
  'When work was last added. A worker removes the row only if this is still the value that it read.';

create index due_work__due_at on tenancy.due_work (kind, due_at);


create table tenancy.retained_copies (
  tenant_id uuid not null,
  schema_name text not null,
  moved_to text not null,
  moved_at timestamptz not null default now(),
  keep_until timestamptz not null,
  constraint retained_copies_pkey primary key (tenant_id)
);

comment on table tenancy.retained_copies is
  'Retained copies: schemas of tenants that moved to another database. drop-retained-copies drops the expired ones.';
