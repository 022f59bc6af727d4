import { databaseOf, type Offender } from '../offender.ts';

export const serviceTableRights: readonly Offender[] = [
  {
    check: 'service-table-rights',
    what: 'a table that the login may read',
    plant: ({ service }) => `grant select on public.tenants to ${service}`,
    found: ({ service }) => `table public.tenants gives rights to the service's login, ${service}`,
  },
  {
    check: 'service-table-rights',
    what: 'one column that the login may read',
    plant: ({ service }) => `grant select (name) on public.tenants to ${service}`,
    found: ({ service }) => `table public.tenants gives rights to the service's login, ${service}`,
  },
  {
    check: 'service-table-rights',
    what: 'a sequence that the login may use',
    plant: ({ service }) => `grant usage on sequence acme.notes_id_seq to ${service}`,
    found: ({ service }) => `sequence acme.notes_id_seq gives rights to the service's login, ${service}`,
  },
  {
    check: 'service-table-rights',
    what: 'a system function that the login may call',
    plant: ({ service }) =>
      `grant execute on function pg_catalog.query_to_xml(text, boolean, boolean, text) to ${service}`,
    found: ({ service }) =>
      `function pg_catalog.query_to_xml(pg_catalog.text,boolean,boolean,pg_catalog.text) gives rights to the service's login, ${service}`,
  },
  {
    check: 'service-table-rights',
    what: 'temporary tables of the login',
    plant: (world) => `grant temporary on database ${databaseOf(world)} to ${world.service}`,
    found: (world) =>
      `database ${databaseOf(world)} gives TEMPORARY to the service's login, ${world.service}`,
  },
  {
    check: 'service-table-rights',
    what: 'a table that PUBLIC may read',
    plant: () => 'grant select, insert on acme.notes to public',
    found: () => 'table acme.notes gives INSERT, SELECT to PUBLIC',
  },
  {
    check: 'service-table-rights',
    what: "another application's table that everyone may read",
    plant: () => 'create table public.orders (); grant select on public.orders to public',
    found: () => 'table public.orders gives SELECT to PUBLIC',
    remedy: () =>
      'grant them to each role that needs them, then revoke all on table public.orders from public',
    follow: () => 'revoke all on table public.orders from public',
  },
  {
    check: 'service-table-rights',
    what: 'a column that PUBLIC may read',
    plant: () => 'grant select (name) on acme.notes to public',
    found: () => 'table acme.notes gives SELECT to PUBLIC',
  },
  {
    check: 'service-table-rights',
    what: 'a migration history that PUBLIC may read',
    plant: ({ acme }) => `grant select on tenancy_migrations.${acme.role} to public`,
    found: ({ acme }) => `table tenancy_migrations.${acme.role} gives SELECT to PUBLIC`,
  },
  {
    check: 'service-table-rights',
    what: 'a schema that PUBLIC may use',
    plant: () => 'grant usage on schema globex to public',
    found: () => 'schema globex gives USAGE to PUBLIC',
  },
  {
    check: 'service-table-rights',
    what: 'default privileges that let PUBLIC read new tables',
    plant: () => 'alter default privileges for role tenant_owner grant select on tables to public',
    found: () => /^default privileges of tenant_owner give rights on tables/,
  },
];
