-- functions/copies.sql: the registry's rows of tenants in further databases.
--
-- The registry in main determines the database of a tenant. Each further database has copies
-- of the rows of its own tenants. The migrating login and the service keep the copies up to
-- date; the service needs a proof.

-- The schema version of a tenant is recorded in the tenant's database, so it is omitted.
create or replace function tenancy.read_copy(p_tenant uuid) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
  select
    to_jsonb(t) - 'role_name' - array['migrated_to', 'concurrent_to', 'migrations_applied', 'transactional_applied']
    || jsonb_build_object(
      'domains',
      coalesce(
        (
          select jsonb_agg(to_jsonb(d) order by d.domain)
          from public.domains as d
          where d.tenant_id = t.id
        ),
        '[]'
      ),
      'plan', s.plan,
      'payments', coalesce(s.copied_payments, tenancy.newest_payments(t.id))
    )
  from public.tenants as t
  left join tenancy.subscriptions as s on s.tenant_id = t.id
  where t.id = p_tenant
$$;

comment on function tenancy.read_copy(uuid) is
  'Returns the registry row, domains, plan and newest payments of a tenant, without its schema version. Null if the tenant does not exist.';


create or replace function tenancy.write_copy(p_copy jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant constant uuid := (p_copy ->> 'id')::uuid;
  v_columns text;
  v_changes text;
  v_domain_columns text;
begin
  -- A command and the service may copy the same tenant at the same time. Without this lock, the
  -- second one would not see the domains that the first one inserts, and insert them again.
  perform from public.tenants as t
  where t.id = v_tenant
  for no key update;

  -- Main decides which tenant has a host. A tenant that has one of these hosts here has an
  -- outdated copy. It loses all its domains, because it could not keep the others without its
  -- primary domain.
  delete from public.domains as d
  where d.tenant_id = v_tenant
    or d.tenant_id in (
      select h.tenant_id
      from public.domains as h
      join jsonb_to_recordset(p_copy -> 'domains') as c (domain text) on c.domain = h.domain
    );

  -- The columns come from the catalog, so that a column of a later migration is copied too.
  select
    string_agg(quote_ident(a.attname), ', ' order by a.attnum) filter (where c.relname = 'tenants'),
    string_agg(format('%1$I = excluded.%1$I', a.attname), ', ') filter (where c.relname = 'tenants'),
    string_agg(quote_ident(a.attname), ', ' order by a.attnum) filter (where c.relname = 'domains')
  into v_columns, v_changes, v_domain_columns
  from pg_class as c
  join pg_attribute as a on a.attrelid = c.oid
  where c.oid in ('public.tenants'::regclass, 'public.domains'::regclass)
    and a.attnum > 0
    and not a.attisdropped
    and a.attgenerated = ''
    and a.attname <> all (array['migrated_to', 'concurrent_to', 'migrations_applied', 'transactional_applied']);

  execute format(
    'insert into public.tenants (%1$s)
     select %1$s
     from jsonb_populate_record(null::public.tenants, $1)
     on conflict on constraint tenants_pkey do update
       set %2$s',
    v_columns, v_changes
  ) using p_copy;

  execute format(
    'insert into public.domains (%1$s)
     select %1$s
     from jsonb_populate_recordset(null::public.domains, $1)',
    v_domain_columns
  ) using p_copy -> 'domains';

  if tenancy.is_audited_here() is not true then
    insert into tenancy.subscriptions (tenant_id, plan, copied_payments)
    values (v_tenant, p_copy ->> 'plan', coalesce(p_copy -> 'payments', '[]'))
    on conflict on constraint subscriptions_pkey do update
      set plan = excluded.plan,
          copied_payments = excluded.copied_payments;
  end if;
end
$$;

comment on function tenancy.write_copy(jsonb) is
  'Writes in a further database what read_copy returned in main.';


create or replace function tenancy.export_copy(p_tenant uuid, p_expires bigint, p_proof text) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform tenancy.require_proof('export|' || p_tenant, p_expires, p_proof);
  return tenancy.read_copy(p_tenant);
end
$$;

comment on function tenancy.export_copy(uuid, bigint, text) is
  'Returns main''s registry row and domains of a tenant. The service passes them to import_copy in the tenant''s database. The proof covers export|tenant|expires.';


-- The proof covers the text of the copy. This updates a tenant of this database; it never
-- creates or moves one.
create or replace function tenancy.import_copy(p_copy text, p_expires bigint, p_proof text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_copy jsonb;
begin
  perform tenancy.require_proof('import|' || p_copy, p_expires, p_proof);
  v_copy := p_copy::jsonb;

  perform from public.tenants as t
  cross join tenancy.installation as i
  where t.id = (v_copy ->> 'id')::uuid
    and t.database = i.database
    and i.database <> 'main'
    and i.database = v_copy ->> 'database'
    and t.schema_name = v_copy ->> 'schema_name'
  for update of t;
  if not found or tenancy.read_copy((v_copy ->> 'id')::uuid) = v_copy then
    return false;
  end if;

  perform tenancy.write_copy(v_copy);
  return true;
end
$$;

comment on function tenancy.import_copy(text, bigint, text) is
  'Updates the registry row and domains of a tenant of this database. Returns whether they changed. The proof covers import|copy|expires.';
