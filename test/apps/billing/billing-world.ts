import { commands } from '../../../src/apps/billing/commands.ts';
import { appJobs } from '../../../src/cli/commands/operations/worker-jobs.ts';
import type { CliDeps } from '../../../src/cli/framework/command.ts';
import { readConfig } from '../../../src/config/config.ts';
import { type JobRun, runJobsOnce } from '../../../src/tenancy/fleet/worker.ts';
import { environmentOf, serve, type TestService } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

export const SECRET = 'whsec_of_the_tests_of_billing';

const SETTINGS = {
  BILLING_PLANS: JSON.stringify({
    small: { settings: { USERS_LIMIT: 2, STATEMENT_TIMEOUT: 2000 }, prices: ['price_small'] },
    large: { settings: { USERS_LIMIT: 50, TENANT_REQUESTS_PER_MINUTE: 900 }, prices: ['price_large'] },
    broken: { settings: { NO_SUCH_LIMIT: 1 } },
  }),
  BILLING_GRACE_DAYS: '3',
  BILLING_STRIPE_WEBHOOK_SECRET: SECRET,
};

/** A service with the webhook, the worker's jobs and the commands. */
export type BillingWorld = Readonly<{
  world: World;
  service: TestService;
  /** Runs the jobs once, with these settings. */
  work: (settings?: Readonly<Record<string, string>>) => Promise<readonly JobRun[]>;
  /** Runs a command, and returns what it printed. */
  run: (name: string, options: Readonly<Record<string, unknown>>) => Promise<string>;
  /** Returns a tenant's row. */
  tenant: (schema: string) => Promise<{
    on_trial: boolean;
    paid_until: string | null;
    settings: Readonly<Record<string, unknown>>;
  }>;
  close: () => Promise<void>;
}>;

export async function openBillingWorld(): Promise<BillingWorld> {
  const world = await openWorld({ project });
  const service = await serve(world, SETTINGS);
  const configWith = (settings: Readonly<Record<string, string>>) =>
    readConfig(project, environmentOf(world, { ...SETTINGS, ...settings }));
  return {
    world,
    service,
    work: async (settings = {}) =>
      runJobsOnce(await appJobs(project, configWith(settings), world.ownerUrl), AbortSignal.timeout(60_000)),
    run: async (name, options) => {
      const printed: string[] = [];
      const command = commands.find((one) => one.name === name);
      await command?.run(
        options as never,
        {
          project,
          config: async () => configWith({}),
          ownerUrl: async () => world.ownerUrl,
          print: (line: string) => printed.push(line),
        } as unknown as CliDeps,
        [],
      );
      return printed.join('\n');
    },
    tenant: async (schema) => {
      const [row] = await world.asOwner(
        `select on_trial, to_char(paid_until, 'YYYY-MM-DD') as paid_until, settings
         from public.tenants where schema_name = $1`,
        [schema],
      );
      return row as Awaited<ReturnType<BillingWorld['tenant']>>;
    },
    close: async () => {
      await service.close();
      await world.close();
    },
  };
}
