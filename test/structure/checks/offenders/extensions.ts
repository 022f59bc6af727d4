import type { Offender } from '../offender.ts';

export const extensions: readonly Offender[] = [
  {
    check: 'extensions',
    what: 'dblink',
    plant: () => 'create extension dblink',
    found: () => 'extension dblink bypasses the walls',
  },
  {
    check: 'extensions',
    what: 'postgres_fdw',
    plant: () => 'create extension postgres_fdw',
    found: () => 'extension postgres_fdw bypasses the walls',
  },
  {
    check: 'extensions',
    what: 'an untrusted language',
    plant: () => 'create language wild handler plpgsql_call_handler',
    found: () =>
      "language wild is untrusted: its functions have the rights of the server's operating system user",
  },
  {
    check: 'extensions',
    what: 'an unlisted extension on the path of tenants',
    plant: () => 'create extension cube schema extensions',
    found: () =>
      'extension cube is in schema extensions, which is on the path of every tenant, and is not listed in sql/extensions.txt',
  },
  {
    check: 'extensions',
    what: 'a function of no extension on the path of tenants',
    plant: () => `create function extensions.lower_all(text) returns text language sql return lower($1)`,
    found: () =>
      'function extensions.lower_all(pg_catalog.text) is in schema extensions, which is on the path of every tenant, and does not belong to an extension',
  },
  {
    check: 'extensions',
    what: 'CREATE on the schema extensions',
    plant: ({ acme }) => `grant create on schema extensions to ${acme.role}`,
    found: ({ acme }) => `schema extensions gives CREATE to ${acme.role}`,
  },
  {
    check: 'extensions',
    what: 'another owner of the schema extensions',
    plant: () => 'alter schema extensions owner to tenant_owner',
    found: () => 'schema extensions belongs to tenant_owner and not to tenancy_owner',
  },
];
