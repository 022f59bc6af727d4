import type { Offender } from '../offender.ts';

export const guardParameter: readonly Offender[] = [
  {
    check: 'guard-parameter',
    what: 'a login that may set the guarded parameter',
    plant: ({ service }) => `grant set on parameter backtrace_functions to ${service}`,
    found: ({ service }) => `parameter backtrace_functions SET may be used by ${service}`,
    shared: true,
  },
  {
    check: 'guard-parameter',
    what: 'PUBLIC may set the guarded parameter',
    plant: () => 'grant set on parameter backtrace_functions to public',
    found: () => 'parameter backtrace_functions SET may be used by PUBLIC',
    shared: true,
  },
  {
    check: 'guard-parameter',
    what: 'an owner that may set it for the server',
    plant: () => 'grant alter system on parameter backtrace_functions to tenancy_owner',
    found: () => 'parameter backtrace_functions ALTER SYSTEM may be used by tenancy_owner',
    shared: true,
  },
];
