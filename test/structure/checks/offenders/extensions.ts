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
];
