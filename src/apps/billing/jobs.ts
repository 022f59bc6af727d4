import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import type { JobDependencies } from '../../definition/dependencies.ts';
import { OperatorError } from '../../errors.ts';
import type { WorkerJob } from '../../tenancy/fleet/worker.ts';
import { chooseDatabase, MAIN } from '../../tenancy/registry/databases.ts';
import { endTrials } from '../../tenancy/registry/payments.ts';
import type { environment } from './settings.ts';

/** Returns the jobs that change the registry, which the service cannot. */
export function jobs(dependencies: JobDependencies<typeof environment>): readonly WorkerJob[] {
  const { databases } = dependencies;
  const { BILLING_TRIAL_DAYS: days, BILLING_STRIPE_WEBHOOK_SECRET: secret } = dependencies.environment;
  const { owner } = chooseDatabase(databases, MAIN);
  const trials: WorkerJob = {
    name: 'trials',
    every: 60,
    run: async () => {
      const ended = await withAdminConnection(owner, (client) => endTrials(client, days));
      return ended > 0 ? `${ended} trials ended` : null;
    },
  };
  return [
    ...(days > 0 ? [trials] : []),
    ...(secret === undefined
      ? []
      : [
          {
            name: 'payments',
            every: 2,
            run: async (signal: AbortSignal) => {
              const { applyEvents } = await import('./stripe/apply-events.ts');
              const { applied, faults } = await applyEvents(dependencies, secret, signal);
              if (faults.length > 0) {
                throw new OperatorError('command_failed', faults.join('; '));
              }
              return applied > 0 ? `${applied} events applied` : null;
            },
          },
        ]),
  ];
}
