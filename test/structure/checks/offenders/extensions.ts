import type { Offender } from '../offender.ts';

export const extensions: readonly Offender[] = [
  {
    check: 'extensions',
    what: 'dblink',
    plant: () => 'create extension dblink',
    found: () => 'extension dblink bypasses the walls',
    remedy: () => 'move what uses it, and its data, to another database, then drop extension dblink',
    follow: () => 'drop extension dblink',
  },
  {
    check: 'extensions',
    what: 'postgres_fdw',
    plant: () => 'create extension postgres_fdw',
    found: () => 'extension postgres_fdw bypasses the walls',
    follow: () => 'drop extension postgres_fdw',
  },
  {
    check: 'extensions',
    what: 'an untrusted language',
    plant: () => 'create language wild handler plpgsql_call_handler',
    found: () =>
      "language wild is untrusted: its functions have the rights of the server's operating system user",
    remedy: () => 'move what uses it to another database, then drop language wild',
    follow: () => 'drop language wild',
  },
  {
    check: 'extensions',
    what: 'an unlisted extension on the path of tenants',
    plant: () => 'create extension cube schema extensions',
    found: () =>
      'extension cube is in schema extensions, which is on the path of every tenant, and is not listed in sql/extensions.txt',
    remedy: () =>
      'create schema cube; change what uses the extension to name that schema; then alter extension cube set schema cube',
    follow: () => 'create schema cube; alter extension cube set schema cube',
  },
  {
    check: 'extensions',
    what: 'a function of no extension on the path of tenants',
    plant: () => `create function extensions.lower_all(text) returns text language sql return lower($1)`,
    found: () =>
      'function extensions.lower_all(pg_catalog.text) is in schema extensions, which is on the path of every tenant, and does not belong to an extension',
    remedy: () => 'alter function extensions.lower_all(pg_catalog.text) set schema public',
  },
  ...(
    [
      ['table', 'rows', 'create table extensions.rows (id bigint)'],
      ['type', 'pair', 'create type extensions.pair as (a integer)'],
      ['sequence', 'numbers', 'create sequence extensions.numbers'],
    ] as const
  ).map(
    ([kind, name, plant]): Offender => ({
      check: 'extensions',
      what: `a ${kind} on the path of tenants`,
      plant: () => plant,
      found: () =>
        `${kind} extensions.${name} is in schema extensions, which is on the path of every tenant, and does not belong to an extension`,
      // Its rows are kept.
      remedy: () => `alter ${kind} extensions.${name} set schema public`,
    }),
  ),
  {
    check: 'extensions',
    what: 'a right to create there of a role with capital letters',
    plant: () => 'create role "Friend"; grant create on schema extensions to "Friend"',
    found: () => 'schema extensions gives CREATE to "Friend"',
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
