import { counted } from '../../counted.ts';
import type { JobDependencies } from '../../definition/dependencies.ts';
import type { WorkerJob } from '../../tenancy/fleet/worker.ts';
import { searchWorkspaces } from './find/search-workspaces.ts';
import type { environment } from './settings.ts';
import { createTenants } from './sign-up/create-tenants.ts';

/** Returns the jobs of the public site, which need the migrating login. */
export function jobs(dependencies: JobDependencies<typeof environment>): readonly WorkerJob[] {
  const { SIGNUP, FIND_WORKSPACES } = dependencies.environment;
  const { owners } = dependencies;
  if (!owners) {
    return [];
  }
  return [
    ...(SIGNUP === 'off'
      ? []
      : [
          {
            name: 'sign-ups',
            every: 1,
            run: async (signal: AbortSignal) => {
              const { created, taken } = await createTenants(dependencies, owners, signal);
              return created + taken > 0
                ? `${counted(created, 'tenant')} created, ${counted(taken, 'name')} taken`
                : null;
            },
          },
        ]),
    ...(FIND_WORKSPACES
      ? [
          {
            name: 'workspace searches',
            every: 5,
            run: async (signal: AbortSignal) => {
              const mails = await searchWorkspaces(dependencies, owners, signal);
              return mails > 0 ? counted(mails, 'mail') : null;
            },
          },
        ]
      : []),
  ];
}
