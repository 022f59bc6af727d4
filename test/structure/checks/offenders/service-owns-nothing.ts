import { databaseOf, type Offender } from '../offender.ts';

export const serviceOwnsNothing: readonly Offender[] = [
  {
    check: 'service-owns-nothing',
    what: 'a table of the login',
    plant: ({ service }) => `alter table acme.notes owner to ${service}`,
    found: ({ service }) => `table acme.notes is owned by the service's login, ${service}`,
  },
  {
    check: 'service-owns-nothing',
    what: 'a function of the login',
    plant: ({ service }) =>
      `create function tenancy.mine() returns integer language sql return 1; alter function tenancy.mine() owner to ${service}`,
    found: ({ service }) => `function tenancy.mine() is owned by the service's login, ${service}`,
  },
  {
    check: 'service-owns-nothing',
    what: 'a schema of the login',
    plant: ({ service }) => `create schema "My own" authorization ${service}`,
    remedy: ({ service }) =>
      `if another application uses ${service}, set DATABASE_URL to another login; otherwise alter schema "My own" owner to current_user`,
    follow: () => 'alter schema "My own" owner to current_user',
    found: ({ service }) => `schema "My own" is owned by the service's login, ${service}`,
  },
  {
    check: 'service-owns-nothing',
    what: 'the database of the login',
    plant: (world) => `alter database ${databaseOf(world)} owner to ${world.service}`,
    remedy: (world) => `alter database ${databaseOf(world)} owner to current_user`,
    found: (world) => `database ${databaseOf(world)} is owned by the service's login, ${world.service}`,
  },
  {
    check: 'service-owns-nothing',
    what: 'a table of another application',
    plant: ({ service }) => `create table public.orders (); alter table public.orders owner to ${service}`,
    remedy: () =>
      /^if another application uses .*, set DATABASE_URL to another login; otherwise alter table public\.orders owner to current_user$/,
    follow: () => 'alter table public.orders owner to current_user',
    found: ({ service }) => `table public.orders is owned by the service's login, ${service}`,
  },
];
