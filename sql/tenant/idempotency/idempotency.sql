-- idempotency.sql: the keys of requests that clients may repeat, and the responses to them.

create table idempotency_keys (
  user_id text not null,
  key text not null,
  fingerprint bytea not null,
  status smallint,
  headers jsonb not null default '{}',
  body text,
  created_at timestamptz not null default now(),
  constraint idempotency_keys_pkey primary key (user_id, key),
  constraint idempotency_keys__user_id_length check (length(user_id) between 1 and 100),
  constraint idempotency_keys__key_length check (length(key) between 1 and 255),
  constraint idempotency_keys__fingerprint_length check (length(fingerprint) = 32),
  constraint idempotency_keys__status_range check (status between 200 and 399)
);

comment on table idempotency_keys is
  'Idempotency-Key headers of requests that succeeded, and their responses. A row is committed with the changes of its request.';
comment on column idempotency_keys.user_id is
  'The caller. Not a foreign key: the project chooses its authentication.';
comment on column idempotency_keys.fingerprint is
  'SHA-256 of method, path, query and body.';
comment on column idempotency_keys.status is
  'Null: the response was too large to be stored.';

create index idempotency_keys__created_at on idempotency_keys (created_at);

-- Reserves a key for a request until its transaction ends. Outcomes:
--
--   new          the caller must run the request, and store its response
--   completed    the request was made before: its response is returned
--   mismatch     the key belongs to another request
--   in_progress  a transaction that has not ended has reserved the key
--   too_many     the user has p_most keys
--
-- A key that another transaction has inserted is not visible. Only waiting for that transaction
-- shows that it exists, so the wait is limited to the shortest possible time.
create function claim_idempotency_key(
  p_user_id text,
  p_key text,
  p_fingerprint bytea,
  p_lifetime interval,
  p_most integer
)
returns table (outcome text, status smallint, headers jsonb, body text)
language plpgsql
set search_path from current
set lock_timeout = '1ms'
as $$
begin
  delete from idempotency_keys as k
  where k.user_id = p_user_id
    and k.key = p_key
    and k.created_at <= now() - p_lifetime;

  insert into idempotency_keys (user_id, key, fingerprint)
  values (p_user_id, p_key, p_fingerprint)
  on conflict on constraint idempotency_keys_pkey do nothing;

  if not found then
    return query
      select
        case when k.fingerprint = p_fingerprint then 'completed' else 'mismatch' end,
        k.status,
        k.headers,
        k.body
      from idempotency_keys as k
      where k.user_id = p_user_id
        and k.key = p_key;
    return;
  end if;

  return query
    select
      case when count(*) > p_most then 'too_many' else 'new' end,
      null::smallint,
      null::jsonb,
      null::text
    from (
      select
      from idempotency_keys as k
      where k.user_id = p_user_id
      limit p_most + 1
    ) as own;
exception
  when lock_not_available then
    return query select 'in_progress', null::smallint, null::jsonb, null::text;
end
$$;

comment on function claim_idempotency_key(text, text, bytea, interval, integer) is
  'Reserves a key for a request until its transaction ends, or returns the response of the request that had it.';
