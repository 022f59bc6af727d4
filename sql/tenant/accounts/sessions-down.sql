-- sessions-down.sql: removes sessions, mail and audit events.
--
-- All users must log in again: a refresh token is invalid without its session.

drop table audit_events;
drop function refuse_change();
drop table outbox;
drop function mark_mail();
drop table refresh_tokens;
drop table sessions;

create table refresh_tokens (
  id uuid not null,
  user_id bigint not null,
  family uuid not null,
  issued_at timestamptz not null default now(),
  expires_at timestamptz not null,
  constraint refresh_tokens_pkey primary key (id),
  constraint refresh_tokens__user foreign key (user_id) references users (id) on delete cascade
);

comment on table refresh_tokens is
  'Issued refresh tokens, by jti. A token without a row is invalid.';

create index refresh_tokens__user_id on refresh_tokens (user_id);
create index refresh_tokens__family on refresh_tokens (family);

drop index users__username;
alter table users add constraint users__username unique (username);
alter table users drop column awaits_activation;
