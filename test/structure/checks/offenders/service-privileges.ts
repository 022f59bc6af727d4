import type { Offender } from '../offender.ts';

export const servicePrivileges: readonly Offender[] = [
  ...(
    [
      ['superuser', 'is a superuser'],
      ['bypassrls', 'bypasses row-level security'],
      ['createrole', 'may create roles'],
      ['createdb', 'may create databases'],
      ['replication', 'may read the whole cluster by replication'],
      ['inherit', 'inherits the rights of its tenant roles'],
    ] as const
  ).map(
    ([attribute, fault]): Offender => ({
      check: 'service-privileges',
      what: `a login with ${attribute}`,
      plant: ({ service }) => `alter role ${service} ${attribute}`,
      found: ({ service }) => `role ${service} ${fault}`,
    }),
  ),
  {
    check: 'service-privileges',
    what: 'a missing login',
    plant: ({ service }) => `alter role ${service} rename to ${service}_gone`,
    found: ({ service }) => `role ${service} does not exist`,
    remedyNotRun: true,
  },
];
