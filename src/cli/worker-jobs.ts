import type { Config } from '../config.ts';
import { connectionTo } from '../db/connection.ts';
import { keepSpares } from '../tenancy/spares.ts';
import type { WorkerJob } from '../tenancy/worker.ts';
import { fleetOf } from './fleet.ts';

/** What `worker` does, a line a job. */
export const workerJobs = (config: Config, ownerUrl: string): readonly WorkerJob[] => [
  spares(config, ownerUrl),
];

const spares = (config: Config, ownerUrl: string): WorkerJob => ({
  name: 'spares',
  every: 5,
  run: async (signal) => {
    const done = await keepSpares(connectionTo(ownerUrl), fleetOf(config), config.SPARE_TENANTS, signal);
    return done && done.created + done.migrated > 0
      ? `${done.created} created, ${done.migrated} migrated`
      : null;
  },
});
