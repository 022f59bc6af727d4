import type { Offender } from '../offender.ts';

export const extensions: readonly Offender[] = [
  {
    check: 'extensions',
    what: 'dblink',
    plant: () => 'create extension dblink',
    found: () => 'extension dblink opens a way around the walls',
  },
  {
    check: 'extensions',
    what: 'postgres_fdw',
    plant: () => 'create extension postgres_fdw',
    found: () => 'extension postgres_fdw opens a way around the walls',
  },
  {
    check: 'extensions',
    what: 'a language that is not trusted',
    plant: () => 'create language wild handler plpgsql_call_handler',
    found: () => "language wild is not trusted: its functions do whatever the server's user may",
  },
  {
    check: 'extensions',
    what: 'an extension of no list on the path of tenants',
    plant: () => 'create extension cube schema extensions',
    found: () =>
      'extension cube is in schema extensions, on the path of every tenant, and not on the list of sql/extensions.txt',
  },
  {
    check: 'extensions',
    what: 'a function of nobody on the path of tenants',
    plant: () => `create function extensions.lower_all(text) returns text language sql return lower($1)`,
    found: () =>
      'function extensions.lower_all(pg_catalog.text) is in schema extensions, on the path of every tenant, and belongs to no extension',
  },
  {
    check: 'extensions',
    what: 'a right to create on the path of tenants',
    plant: ({ acme }) => `grant create on schema extensions to ${acme.role}`,
    found: ({ acme }) => `schema extensions gives CREATE to ${acme.role}`,
  },
  {
    check: 'extensions',
    what: 'another owner of the schema on the path of tenants',
    plant: () => 'alter schema extensions owner to tenant_owner',
    found: () => 'schema extensions belongs to tenant_owner and not to tenancy_owner',
  },
];
