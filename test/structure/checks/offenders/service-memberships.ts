import type { Offender } from '../offender.ts';

export const serviceMemberships: readonly Offender[] = [
  {
    check: 'service-memberships',
    what: 'a login that may become an owner',
    plant: ({ service }) => `grant tenant_owner to ${service}`,
    found: ({ service }) =>
      `role tenant_owner is not a tenant role and has the service's login, ${service}, as a member`,
    shared: true,
  },
  {
    check: 'service-memberships',
    what: 'a login that may read all statistics',
    plant: ({ service }) => `grant pg_monitor to ${service}`,
    found: ({ service }) =>
      `role pg_monitor is not a tenant role and has the service's login, ${service}, as a member`,
    shared: true,
  },
  {
    check: 'service-memberships',
    what: 'a login that may grant a tenant role',
    plant: ({ service, acme }) => `grant ${acme.role} to ${service} with admin option`,
    found: ({ service, acme }) =>
      `role ${acme.role} may be granted to others by the service's login, ${service}`,
  },
];
