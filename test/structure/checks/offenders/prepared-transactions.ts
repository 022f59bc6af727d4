import type { Offender } from '../offender.ts';

export const preparedTransactions: readonly Offender[] = [
  {
    check: 'prepared-transactions',
    what: 'two-phase commit',
    // The setting requires a restart, so its value is simulated.
    plant: () => `
      create function public.current_setting(text) returns text language sql return '10';
      set local search_path = public, pg_catalog`,
    found: () => 'parameter max_prepared_transactions is 10, and must be 0',
    remedy: () => /otherwise commit or roll back every transaction of pg_prepared_xacts, then /,
    remedyNotRun: true,
  },
];
