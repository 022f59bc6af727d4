-- functions/keys.sql: keys, message authentication codes and proofs.
--
-- A key is kept as the two pads of HMAC (RFC 2104), so that a MAC costs two calls
-- of the core function sha256() and no extension.

-- The key, padded with zeros to 64 bytes, xor byte.
create or replace function tenancy.pad(p_key bytea, p_byte integer) returns bytea
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


create or replace function tenancy.install_key(p_purpose text, p_id text, p_key bytea) returns void
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


-- Returns null when the key does not exist: compare with "is not true".
create or replace function tenancy.mac(p_purpose text, p_id text, p_message text) returns bytea
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select sha256(k.outer_pad || sha256(k.inner_pad || convert_to(p_message, 'UTF8')))
  from tenancy.keys as k
  where k.purpose = p_purpose
    and k.id = p_id
$$;


-- For functions that the service calls outside a tenant. The message identifies the function.
create or replace function tenancy.require_proof(p_message text, p_expires bigint, p_proof text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant double precision := extract(epoch from clock_timestamp());
begin
  if (
    p_expires between v_now and v_now + 120
    and encode(
      tenancy.mac('proof', split_part(p_proof, '.', 1), p_message || '|' || p_expires),
      'hex'
    ) = split_part(p_proof, '.', 2)
  ) is not true then
    raise exception 'the proof is not valid' using errcode = 'KT002';
  end if;
end
$$;
