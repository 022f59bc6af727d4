import { workerJobs } from '../../../src/cli/commands/operations/worker-jobs.ts';
import { readConfig } from '../../../src/config/config.ts';
import { type JobRun, runJobsOnce } from '../../../src/tenancy/fleet/worker.ts';
import type { Answer } from '../../helpers/server.ts';
import {
  environmentOf,
  makeUser,
  PASSWORD,
  type RequestOptions,
  serve,
  type TestService,
} from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

export const SITE = 'localhost';

/** Tokens of one user of each kind. */
type Tokens = Readonly<
  Record<'superuser' | 'staff' | 'user' | 'bareSuperuser' | 'acmeStaff' | 'globexStaff', string>
>;

/** A service with the operator API, and users of the public site and of both tenants. */
export type OperatorsWorld = Readonly<{
  world: World;
  service: TestService;
  tokens: Tokens;
  /** Sends a request to the public site. Default: of a superuser. */
  ask: (method: string, path: string, options?: RequestOptions) => Promise<Answer>;
  /** Runs the jobs of the worker once. */
  work: () => Promise<readonly JobRun[]>;
  close: () => Promise<void>;
}>;

export async function openOperatorsWorld(
  overrides: Readonly<Record<string, string>> = {},
): Promise<OperatorsWorld> {
  const world = await openWorld({ project });
  await makeUser(world, 'site', 'root', { isSuperuser: true });
  await makeUser(world, 'site', 'clerk', { isStaff: true });
  await makeUser(world, 'site', 'helper');
  await makeUser(world, 'site', 'bare', { isSuperuser: true });
  await world.asOwner(`update site.users set is_staff = false where username = 'bare'`);
  for (const schema of ['acme', 'globex']) {
    await makeUser(world, schema, 'boss', { isSuperuser: true });
    await makeUser(world, schema, 'ann');
  }
  const service = await serve(world, { OPERATORS_THROTTLE: 'off', ...overrides });
  const logIn = (host: string, name: string) => service.logIn(host, name, PASSWORD);
  const tokens: Tokens = {
    superuser: await logIn(SITE, 'root'),
    staff: await logIn(SITE, 'clerk'),
    user: await logIn(SITE, 'helper'),
    bareSuperuser: await logIn(SITE, 'bare'),
    acmeStaff: await logIn('acme.localhost', 'boss'),
    globexStaff: await logIn('globex.localhost', 'boss'),
  };
  return {
    world,
    service,
    tokens,
    ask: (method, path, options = {}) =>
      service.request(SITE, method, path, { token: tokens.superuser, ...options }),
    work: async () => {
      const jobs = await workerJobs(
        project,
        readConfig(project, environmentOf(world, overrides)),
        world.ownerUrl,
      );
      const runs = await runJobsOnce(jobs, AbortSignal.timeout(60_000));
      const failed = runs.find(({ error }) => error !== null);
      if (failed) {
        throw new Error(`The job ${failed.job} failed: ${failed.error}`);
      }
      return runs;
    },
    close: async () => {
      await service.close();
      await world.close();
    },
  };
}
