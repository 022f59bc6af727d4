-- functions/context-signed.sql: the context in a setting that any role may write, but only the
-- database can sign.
--
-- tenancy.context is role|backend pid|transaction start|MAC. current_tenant() verifies the
-- MAC; its key was generated in the database and never leaves it. For managed services, where
-- SET on a parameter cannot be granted.

create or replace function tenancy.current_tenant() returns text
language plpgsql stable parallel restricted security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_part text[] := string_to_array(current_setting('tenancy.context', true), '|');
begin
  if (
    cardinality(v_part) = 4
    and v_part[2] = pg_backend_pid()::text
    and v_part[3] = extract(epoch from transaction_timestamp())::text
    and v_part[4] = encode(
      tenancy.mac('context', 'own', v_part[1] || '|' || v_part[2] || '|' || v_part[3]),
      'hex'
    )
  ) is not true then
    return null;
  end if;
  return v_part[1];
end
$$;

create or replace function tenancy.set_context(p_role text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_message text := p_role || '|' || pg_backend_pid() || '|' || extract(epoch from transaction_timestamp());
  v_mac text := encode(tenancy.mac('context', 'own', v_message), 'hex');
begin
  if (p_role ~ '^t_[0-9a-f]{32}$' and length(v_mac) = 64) is not true then
    raise exception 'the context cannot be signed' using errcode = 'KT002';
  end if;
  if (coalesce(tenancy.current_tenant(), p_role) = p_role) is not true then
    perform tenancy.reject_second_tenant();
  end if;
  return set_config('tenancy.context', v_message || '|' || v_mac, true);
end
$$;

comment on function tenancy.current_tenant() is
  'The role name of the tenant that this transaction has entered. Only enter and enter_owner can change it.';
