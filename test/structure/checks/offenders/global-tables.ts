import type { Offender } from '../offender.ts';

const TABLE = `
  set local role global_owner;
  create table global.codes (code text primary key);
  select tenancy.protect_global();
  reset role;`;

const offender = (what: string, plant: string, found: string, follow?: string): Offender => ({
  check: 'global-tables',
  what,
  plant: ({ acme }) => `${TABLE}${plant.replaceAll('TENANT', acme.role)}`,
  found: ({ acme }) => found.replaceAll('TENANT', acme.role),
  ...(follow === undefined ? {} : { follow: () => follow }),
});

export const globalTables: readonly Offender[] = [
  offender(
    'SELECT on a table, which includes system columns',
    'grant select on global.codes to public',
    'table global.codes gives SELECT to PUBLIC',
  ),
  offender(
    'a global table that a tenant may write',
    'grant insert on global.codes to TENANT',
    'table global.codes gives INSERT to TENANT',
  ),
  offender(
    'a column of a global table that a tenant may write',
    'grant update (code) on global.codes to TENANT',
    'table global.codes gives UPDATE (code) to TENANT',
  ),
  offender(
    'a right to create global tables',
    'grant create on schema global to TENANT',
    'schema global gives CREATE to TENANT',
  ),
  offender(
    'a function that tenants may call there',
    `create function global.f() returns text language sql return 'x'; alter function global.f() owner to global_owner;
     grant execute on function global.f() to TENANT; revoke execute on function global.f() from public`,
    'function global.f() gives EXECUTE to TENANT',
  ),
  offender(
    'a global table of another owner',
    'alter table global.codes owner to tenant_owner',
    'table global.codes belongs to tenant_owner and not to global_owner',
  ),
  offender(
    'another owner of the schema',
    'alter schema global owner to tenant_owner; grant create on schema global to global_owner; revoke create on schema global from global_owner',
    'schema global belongs to tenant_owner and not to global_owner',
  ),
  offender(
    "a view with its owner's rights",
    'create view global.all_codes as select c.code from global.codes as c; alter view global.all_codes owner to global_owner',
    'view global.all_codes runs with the rights of its owner',
  ),
  offender(
    'a materialized view',
    `create materialized view global.kept_codes as select c.code from global.codes as c;
     alter materialized view global.kept_codes owner to global_owner`,
    'materialized view global.kept_codes cannot be granted by column',
    'drop materialized view global.kept_codes',
  ),
  offender(
    'a rule',
    'create rule noted as on insert to global.codes do instead nothing',
    "table global.codes has a rule, noted, which runs with its owner's rights",
    'drop rule noted on global.codes',
  ),
  offender(
    "a foreign key of a table that is no tenant's",
    'create table public.uses (code text constraint uses__code references global.codes)',
    'table public.uses has a foreign key, uses__code, to global.codes in another schema',
  ),
  {
    check: 'crossing-relations',
    what: 'a foreign key of a tenant to a global table',
    plant: () => `${TABLE} create table acme.uses (code text constraint uses__code references global.codes);`,
    found: () => 'table acme.uses has a foreign key, uses__code, to global.codes in another schema',
  },
  {
    check: 'security-definer-functions',
    what: "a function with its owner's rights in schema global",
    plant: () => `${TABLE} create function global.add() returns void language sql security definer
      set search_path = pg_catalog, pg_temp as $$ insert into global.codes values ('x') $$;
      alter function global.add() owner to global_owner`,
    found: () => 'function global.add() runs with the rights of global_owner, outside schema tenancy',
    follow: () => 'alter function global.add() security invoker',
  },
];
