import { databaseOf, type Offender } from '../offender.ts';

export const roleSettings: readonly Offender[] = [
  {
    check: 'role-settings',
    what: 'a login with a default role',
    plant: ({ service, acme }) => `alter role ${service} set role = '${acme.role}'`,
    found: ({ service, acme }) => `role ${service} begins every session with role=${acme.role}`,
  },
  {
    check: 'role-settings',
    what: 'a login that is read-only by default in this database',
    plant: (world) =>
      `alter role ${world.service} in database ${databaseOf(world)} set default_transaction_read_only = on`,
    found: ({ service }) => `role ${service} begins every session with default_transaction_read_only=on`,
  },
  {
    check: 'role-settings',
    what: 'a tenant role with a setting',
    plant: ({ acme }) => `alter role ${acme.role} set work_mem = '1GB'`,
    found: ({ acme }) => `role ${acme.role} begins every session with work_mem=1GB`,
  },
  {
    check: 'role-settings',
    what: 'an owner with a setting',
    plant: () => 'alter role tenancy_owner set search_path = public',
    found: () => 'role tenancy_owner begins every session with search_path=public',
    shared: true,
  },
  {
    check: 'role-settings',
    what: 'a database with a path',
    plant: (world) => `alter database ${databaseOf(world)} set search_path = globex`,
    found: (world) => `database ${databaseOf(world)} begins every session with search_path=globex`,
    remedy: (world) =>
      `store it for the roles that need it, then alter database ${databaseOf(world)} reset search_path`,
    follow: (world) => `alter database ${databaseOf(world)} reset search_path`,
  },
  {
    check: 'role-settings',
    what: 'a path for all roles',
    plant: () => 'alter role all set search_path = globex',
    found: () => 'role all begins every session with search_path=globex',
    remedy: () => 'store it for the roles that need it, then alter role all reset search_path',
    follow: () => 'alter role all reset search_path',
    shared: true,
  },
];
