-- operations.sql: operations that operators request from the service, and the audit.
--
-- Owned by tenancy_owner. The service may not read or write these tables: it calls the functions of
-- functions/operations.sql with a proof. The worker runs operations with the migrating login.

create table tenancy.operations (
  id uuid not null,
  kind text not null,
  schema_name text,
  tenant_id uuid,
  sealed text not null,
  seal text not null,
  actor text not null,
  address text,
  status text not null default 'queued',
  attempts integer not null default 0,
  revision integer not null default 0,
  progress_done integer,
  progress_total integer,
  progress_text text,
  result jsonb,
  error jsonb,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  ended_at timestamptz,
  cancel_requested_at timestamptz,
  lease_holder uuid,
  lease_until timestamptz,
  constraint operations_pkey primary key (id),
  constraint operations__kind_form check (kind ~ '^[a-z][a-z0-9-]{0,63}$'),
  constraint operations__schema_name_form check (schema_name ~ '^[a-z][a-z0-9_]{0,47}$'),
  constraint operations__actor_length check (length(actor) between 1 and 255),
  constraint operations__address_length check (length(address) between 1 and 255),
  constraint operations__sealed_length check (length(sealed) <= 65536),
  constraint operations__status check (status in ('queued', 'running', 'succeeded', 'failed', 'canceled')),
  constraint operations__attempts check (attempts >= 0),
  constraint operations__lease check (
    (status = 'running') = (lease_holder is not null)
    and (lease_holder is null) = (lease_until is null)
  )
);

comment on table tenancy.operations is
  'Operations that the API records and the worker runs.';
comment on column tenancy.operations.id is
  'Chosen by the service. An id that exists is rejected, so that a request cannot be replayed.';
comment on column tenancy.operations.schema_name is
  'The tenant, when the operation was requested. Null: the operation names no existing tenant.';
comment on column tenancy.operations.tenant_id is
  'The tenant that had this schema name. The operation fails if another one has it when it runs. Null: none had it.';
comment on column tenancy.operations.sealed is
  'The request as JSON text. The worker runs what this text says, and not what other columns say.';
comment on column tenancy.operations.seal is
  '<key id>.<hex HMAC-SHA256 of operation|sealed>, made by the service and verified again by the worker.';
comment on column tenancy.operations.actor is
  'The operator that requested the operation.';
comment on column tenancy.operations.address is
  'Address of the client that requested it. Null: not known.';
comment on column tenancy.operations.attempts is
  'Number of times that a worker has started the operation.';
comment on column tenancy.operations.revision is
  'Number of its cancellations and retries. Each request for one names it, so that no request can be replayed.';
comment on column tenancy.operations.progress_text is
  'The current step. Null: none yet.';
comment on column tenancy.operations.result is
  'What the operation returned. Null: it has not succeeded.';
comment on column tenancy.operations.error is
  'Code, message and hint. Null: it has not failed.';
comment on column tenancy.operations.lease_holder is
  'The worker that runs the operation. Null: none.';
comment on column tenancy.operations.lease_until is
  'After this time the worker counts as killed. It renews the lease while it runs the operation.';

create index operations__created_at on tenancy.operations (created_at desc, id);
create index operations__open on tenancy.operations (created_at) where status in ('queued', 'running');


create table tenancy.operation_log (
  operation_id uuid not null,
  place bigint not null generated always as identity,
  at timestamptz not null default clock_timestamp(),
  text text not null,
  constraint operation_log_pkey primary key (operation_id, place),
  constraint operation_log__operation
    foreign key (operation_id) references tenancy.operations (id) on delete cascade,
  constraint operation_log__text_length check (length(text) <= 4000)
);

comment on table tenancy.operation_log is
  'Lines that operations have written, in order.';


create table tenancy.workers (
  holder uuid not null,
  seen_at timestamptz not null,
  dumps jsonb,
  constraint workers_pkey primary key (holder)
);

comment on table tenancy.workers is
  'Workers that look for operations. A worker writes the time every ten seconds, and deletes rows older than a day.';
comment on column tenancy.workers.holder is
  'The same as operations.lease_holder.';
comment on column tenancy.workers.dumps is
  'Name, size and time of the dumps in its OPERATIONS_DIRECTORY that can be restored. Null: it has no such directory.';


create table tenancy.audit_events (
  id uuid not null default tenancy.new_event_id(),
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  source text not null,
  address text,
  tenant_id uuid,
  schema_name text,
  action text not null,
  operation_id uuid,
  before jsonb,
  after jsonb,
  constraint audit_events_pkey primary key (id),
  constraint audit_events__actor_length check (length(actor) between 1 and 255),
  constraint audit_events__source check (source in ('cli', 'api', 'worker', 'tenant', 'sql')),
  constraint audit_events__address_length check (length(address) between 1 and 255),
  constraint audit_events__action_form check (action ~ '^[a-z][a-z0-9_.-]{0,63}$')
);

comment on table tenancy.audit_events is
  'Changes of tenants, domains, settings, plans, users and the fleet. Append-only, also for the owner. Rows of purged tenants are kept.';
comment on column tenancy.audit_events.id is
  'UUID version 7: later events have greater ids.';
comment on column tenancy.audit_events.actor is
  'An operator of the API, a login of the operating system, or a user of a tenant.';
comment on column tenancy.audit_events.source is
  'cli: a command. api: an operation of the API. worker: a job. tenant: a user of the tenant. sql: a statement of a login.';
comment on column tenancy.audit_events.address is
  'Address of the client. Null: not known.';
comment on column tenancy.audit_events.tenant_id is
  'Null: the event belongs to no tenant. No foreign key, because events outlive their tenant.';
comment on column tenancy.audit_events.schema_name is
  'Schema of the tenant at the time of the event.';
comment on column tenancy.audit_events.operation_id is
  'The operation of the API. Null: none. Operations are deleted earlier than events.';
comment on column tenancy.audit_events.before is
  'Declared fields before the change. Null: not known, or nothing existed.';
comment on column tenancy.audit_events.after is
  'Declared fields after the change. Null: not known, or nothing exists.';

create index audit_events__tenant on tenancy.audit_events (tenant_id, id desc);
create index audit_events__operation on tenancy.audit_events (operation_id) where operation_id is not null;
create index audit_events__from_tenants on tenancy.audit_events (tenant_id, at desc) where source = 'tenant';

create trigger audit_events__append_only
  before update or delete or truncate on tenancy.audit_events
  for each statement execute function tenancy.reject_audit_change();

-- Also in a session with session_replication_role = replica.
alter table tenancy.audit_events enable always trigger audit_events__append_only;

create trigger tenants__audit
  after insert or update or delete on public.tenants
  for each row execute function tenancy.audit_tenant();

create trigger domains__audit
  after insert or update or delete on public.domains
  for each row execute function tenancy.audit_domain();

create trigger payments__audit
  after insert or update or delete on tenancy.payments
  for each row execute function tenancy.audit_payment();

create trigger subscriptions__audit
  after insert or update or delete on tenancy.subscriptions
  for each row execute function tenancy.audit_subscription();
