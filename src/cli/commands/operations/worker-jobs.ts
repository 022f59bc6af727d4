import { appValues, type Config } from '../../../config/config.ts';
import { connectionTo } from '../../../db/admin/connection-config.ts';
import type { Project } from '../../../definition/define-project.ts';
import { listOperationKinds } from '../../../operations/list-kinds.ts';
import { operationsJob } from '../../../operations/operations-job.ts';
import { keepSpares } from '../../../tenancy/fleet/spares.ts';
import type { WorkerJob } from '../../../tenancy/fleet/worker.ts';
import type { TenancyProject } from '../../../tenancy/registry/project.ts';
import { databasesOf, fleetOf } from '../../framework/fleet.ts';

/** Returns the jobs of the apps, which do what the service's login must not do. */
export async function appJobs(
  project: Project,
  config: Config,
  ownerUrl: string,
): Promise<readonly WorkerJob[]> {
  const owners = (await project.apps.find((app) => app.owners)?.owners?.()) ?? null;
  const databases = databasesOf(config, ownerUrl);
  const ofApps = await Promise.all(
    project.apps.map(async (app) => {
      const { jobs } = await app.jobs();
      const environment = { ...appValues(app, config), BASE_DOMAIN: config.BASE_DOMAIN };
      return jobs({ project, databases, environment, owners });
    }),
  );
  return ofApps.flat();
}

/** Returns the jobs of `worker`. */
export async function workerJobs(
  project: Project,
  config: Config,
  ownerUrl: string,
): Promise<readonly WorkerJob[]> {
  const owners = (await project.apps.find((app) => app.owners)?.owners?.()) ?? null;
  const kinds = await listOperationKinds(project, config, { ownerService: () => null, owners });
  return [
    spares(project, config, ownerUrl),
    operationsJob(project, config, ownerUrl, kinds),
    ...(await appJobs(project, config, ownerUrl)),
  ];
}

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
