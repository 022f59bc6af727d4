-- keys.sql: the secrets of the database, and the MAC they make.
--
-- A key is kept as the two pads of HMAC (RFC 2104), so that a MAC costs two
-- calls of the core function sha256() and no extension.

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


-- key, filled up with zeros to 64 bytes, xor byte.
create function tenancy.pad(p_key bytea, p_byte integer) returns bytea
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_pad bytea := decode(repeat('00', 64), 'hex');
begin
  for i in 0..63 loop
    v_pad := set_byte(v_pad, i, (case when i < length(p_key) then get_byte(p_key, i) else 0 end) # p_byte);
  end loop;
  return v_pad;
end
$$;


create function tenancy.install_key(p_purpose text, p_id text, p_key bytea) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if (length(p_key) between 32 and 64) is not true then
    raise exception 'a key has 32 to 64 bytes' using errcode = '22023';
  end if;
  insert into tenancy.keys (purpose, id, inner_pad, outer_pad)
  values (p_purpose, p_id, tenancy.pad(p_key, 54), tenancy.pad(p_key, 92)) -- 0x36, 0x5c
  on conflict on constraint keys_pkey do update
    set inner_pad = excluded.inner_pad, outer_pad = excluded.outer_pad
    where (keys.inner_pad, keys.outer_pad) is distinct from (excluded.inner_pad, excluded.outer_pad);
end
$$;


-- Null when the key is not there: whoever compares must write "is not true".
create function tenancy.mac(p_purpose text, p_id text, p_message text) returns bytea
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select sha256(k.outer_pad || sha256(k.inner_pad || convert_to(p_message, 'UTF8')))
  from tenancy.keys as k
  where k.purpose = p_purpose
    and k.id = p_id
$$;


-- The database's own key, from two version-4 uuids (244 random bits).
select tenancy.install_key(
  'context',
  'own',
  sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'))
);
