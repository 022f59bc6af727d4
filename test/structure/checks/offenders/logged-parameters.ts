import type { Offender } from '../offender.ts';

export const loggedParameters: readonly Offender[] = [
  {
    check: 'logged-parameters',
    severity: 'advice',
    what: 'parameter values in the log',
    plant: () => 'set local log_parameter_max_length_on_error = 100',
    found: () =>
      'parameter log_parameter_max_length_on_error is 100B: values of failed statements are logged',
    remedyNotRun: true,
  },
];
