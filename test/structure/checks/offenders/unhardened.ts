import { databaseOf, type Offender } from '../offender.ts';

export const unhardened: readonly Offender[] = [
  {
    check: 'unhardened',
    what: 'a function of an extension that sets state of the session',
    plant: () => 'create extension pg_trgm schema extensions',
    found: () => 'function extensions.set_limit(real) of the extension pg_trgm may be called by PUBLIC',
  },
  ...(
    [
      [
        'execute on function pg_catalog.set_config(text, text, boolean)',
        'function pg_catalog.set_config(text, text, boolean) may be called by PUBLIC',
      ],
      [
        'execute on function pg_catalog.pg_sleep(double precision)',
        'function pg_catalog.pg_sleep(double precision) may be called by PUBLIC',
      ],
      [
        'execute on function pg_catalog.pg_advisory_lock(bigint)',
        'function pg_catalog.pg_advisory_lock(bigint) may be called by PUBLIC',
      ],
      ['usage on language plpgsql', 'language plpgsql gives USAGE to PUBLIC'],
      ['select on pg_catalog.pg_stat_activity', 'view pg_catalog.pg_stat_activity may be read by PUBLIC'],
      ['create on schema public', 'schema public gives CREATE to PUBLIC'],
    ] as const
  ).map(
    ([right, found]): Offender => ({
      check: 'unhardened',
      what: right,
      plant: () => `grant ${right} to public`,
      found: () => found,
    }),
  ),
  {
    check: 'unhardened',
    what: 'usage on schema public',
    plant: () => 'grant usage on schema public to public',
    found: () => 'schema public gives USAGE to PUBLIC',
    remedy: () =>
      'grant usage on schema public to each other role that uses it, then revoke usage on schema public from public',
    follow: () => 'revoke usage on schema public from public',
  },
  {
    check: 'unhardened',
    what: 'connect on the database',
    plant: (world) => `grant connect on database ${databaseOf(world)} to public`,
    found: (world) => `database ${databaseOf(world)} gives CONNECT to PUBLIC`,
    // Other logins, such as that of a monitoring system, would be locked out.
    remedy: (world) =>
      `grant connect on database ${databaseOf(world)} to each login that uses it, then revoke connect on database ${databaseOf(world)} from public`,
    follow: (world) => `revoke connect on database ${databaseOf(world)} from public`,
  },
  ...['temporary', 'create'].map(
    (right): Offender => ({
      check: 'unhardened',
      what: `${right} on the database`,
      plant: (world) => `grant ${right} on database ${databaseOf(world)} to public`,
      found: (world) => `database ${databaseOf(world)} gives ${right.toUpperCase()} to PUBLIC`,
    }),
  ),
];
