import type { Offender } from '../offender.ts';

export const temporaryFiles: readonly Offender[] = [
  {
    check: 'temporary-files',
    severity: 'advice',
    what: 'a service without a limit of temporary files',
    plant: ({ service, ownerUrl }) =>
      `alter role ${service} in database ${new URL(ownerUrl).pathname.slice(1)} reset temp_file_limit`,
    found: ({ service }) => `role ${service} may fill the disk with temporary files`,
  },
  {
    check: 'temporary-files',
    severity: 'advice',
    what: 'a service whose limit of temporary files was removed',
    plant: ({ service, ownerUrl }) =>
      `alter role ${service} in database ${new URL(ownerUrl).pathname.slice(1)} set temp_file_limit = -1`,
    found: ({ service }) => `role ${service} may fill the disk with temporary files`,
  },
];
