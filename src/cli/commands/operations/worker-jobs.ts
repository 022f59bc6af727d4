import type { Config } from '../../../config/config.ts';
import { connectionTo } from '../../../db/admin/connection-config.ts';
import { keepSpares } from '../../../tenancy/fleet/spares.ts';
import type { WorkerJob } from '../../../tenancy/fleet/worker.ts';
import type { TenancyProject } from '../../../tenancy/registry/project.ts';
import { fleetOf } from '../../framework/fleet.ts';

/** Returns one line for each job of `worker`. */
export const workerJobs = (
  project: TenancyProject,
  config: Config,
  ownerUrl: string,
): readonly WorkerJob[] => [spares(project, config, ownerUrl)];

const spares = (project: TenancyProject, config: Config, ownerUrl: string): WorkerJob => ({
  name: 'spares',
  every: 5,
  run: async (signal) => {
    const done = await keepSpares(
      connectionTo(ownerUrl),
      fleetOf(project, config),
      config.SPARE_TENANTS,
      signal,
    );
    return done && done.created + done.migrated > 0
      ? `${done.created} created, ${done.migrated} migrated`
      : null;
  },
});
