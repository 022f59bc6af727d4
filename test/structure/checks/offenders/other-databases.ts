import type { Offender } from '../offender.ts';

export const otherDatabases: readonly Offender[] = [
  {
    check: 'other-databases',
    severity: 'advice',
    what: 'a template that the service may connect to',
    plant: ({ service }) => `grant connect on database template1 to ${service}`,
    found: ({ service }) => `database template1 lets the service's login, ${service}, connect`,
    remedyNotRun: true,
    shared: true,
  },
];
