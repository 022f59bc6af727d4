-- billing.sql: events of the payment provider. Only the schema of the public site has this table.

create table stripe_events (
  id text not null,
  payload text,
  signature text,
  state text not null default 'waiting',
  attempts integer not null default 0,
  received_at timestamptz not null default now(),
  due_at timestamptz not null default now(),
  constraint stripe_events_pkey primary key (id),
  constraint stripe_events__id_length check (length(id) between 1 and 255),
  constraint stripe_events__payload_length check (length(payload) <= 65536),
  constraint stripe_events__signature_length check (length(signature) <= 4096),
  constraint stripe_events__state check (state in ('waiting', 'done', 'rejected', 'expired')),
  constraint stripe_events__attempts_range check (attempts between 0 and 1000000)
);

comment on table stripe_events is
  'Events of Stripe''s webhook as they were sent. The worker verifies their signature again, and applies them.';
comment on column stripe_events.payload is
  'Null once the event is applied: it has personal data.';
comment on column stripe_events.signature is
  'The header Stripe-Signature. Null once the event is applied.';
comment on column stripe_events.state is
  'waiting: for the worker, or for a customer that is not linked yet. done: applied. rejected: the signature is not valid. expired: the customer was not linked in time.';
comment on column stripe_events.due_at is
  'When the worker applies the event, or tries again.';

create index stripe_events__due_at on stripe_events (due_at) where state = 'waiting';
create index stripe_events__received_at on stripe_events (received_at);
