import type { Offender } from '../offender.ts';

export const extensionsInPublic: readonly Offender[] = [
  {
    check: 'extensions-in-public',
    severity: 'advice',
    what: 'an extension in public',
    plant: () => 'create extension citext schema public',
    found: () => 'extension citext is in schema public',
  },
];
