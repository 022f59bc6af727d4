import { databaseOf, type Offender } from '../offender.ts';

export const unexpectedMembers: readonly Offender[] = [
  {
    check: 'unexpected-members',
    severity: 'advice',
    what: 'another role that may become an owner',
    plant: (world) => `
      create role ${world.service}_friend login;
      grant connect on database ${databaseOf(world)} to ${world.service}_friend;
      grant tenancy_owner to ${world.service}_friend`,
    found: ({ service }) =>
      `role ${service}_friend may become tenancy_owner, which only the migrating login and the service should`,
    remedy: ({ service }) =>
      `if it neither migrates nor administers tenants: revoke tenancy_owner from ${service}_friend`,
    follow: ({ service }) => `revoke tenancy_owner from ${service}_friend`,
    shared: true,
  },
  {
    check: 'unexpected-members',
    severity: 'advice',
    what: 'a group whose members may become a tenant',
    plant: ({ service, acme }) => `
      create role ${service}_friends;
      grant ${acme.role} to ${service}_friends`,
    found: ({ service, acme }) =>
      `role ${service}_friends may become ${acme.role}, which only the migrating login and the service should`,
    follow: ({ service, acme }) => `revoke ${acme.role} from ${service}_friends`,
  },
];
