import { appJobs } from '../../../src/cli/commands/operations/worker-jobs.ts';
import type { CliDeps } from '../../../src/cli/framework/command.ts';
import { readConfig } from '../../../src/config/config.ts';
import { type JobRun, runJobsOnce, runWorker } from '../../../src/tenancy/fleet/worker.ts';
import { environmentOf, serve, type TestService } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

const SETTINGS = {
  SIGNUP: 'open',
  SIGNUP_RESERVED: 'taboo',
  THROTTLE_SIGNUP: 'off',
  THROTTLE_SIGNUP_DOMAIN: 'off',
  THROTTLE_FIND_WORKSPACES: 'off',
};

/** A service of the public site, and the worker's jobs. */
export type SiteWorld = Readonly<{
  world: World;
  service: TestService;
  cli: Pick<CliDeps, 'config' | 'ownerUrl'>;
  /** Serves the same world with other settings. */
  serveWith: (settings: Readonly<Record<string, string>>) => Promise<TestService>;
  /** Runs the jobs once. */
  work: () => Promise<readonly JobRun[]>;
  /** Runs the jobs until the returned function is called. */
  startWorker: () => Promise<() => Promise<void>>;
  close: () => Promise<void>;
}>;

export async function openSiteWorld(): Promise<SiteWorld> {
  const world = await openWorld({ project });
  const config = readConfig(project, environmentOf(world, SETTINGS));
  const jobs = () => appJobs(project, config, world.ownerUrl);
  const serveWith: SiteWorld['serveWith'] = (settings) => serve(world, { ...SETTINGS, ...settings });
  const service = await serveWith({});
  return {
    world,
    service,
    cli: { config: async () => config, ownerUrl: async () => world.ownerUrl },
    serveWith,
    work: async () => runJobsOnce(await jobs(), AbortSignal.timeout(60_000)),
    startWorker: async () => {
      const ending = new AbortController();
      const ended = runWorker(await jobs(), ending.signal, () => {});
      return async () => {
        ending.abort();
        await ended;
      };
    },
    close: async () => {
      await service.close();
      await world.close();
    },
  };
}

/** Returns the secret part of the newest mailed link with this path to an address. */
export function mailedToken(service: TestService, address: string): string | undefined {
  const link = service.mails.findLast(
    ({ to, link }) => to === address && link?.includes('/signup/confirm/'),
  )?.link;
  return link?.split('/').at(-1);
}
