import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { inspect } from 'node:util';
import type pg from 'pg';
import { workerJobs } from '../cli/commands/operations/worker-jobs.ts';
import { migrateFleet } from '../cli/framework/fleet.ts';
import { type Config, readConfig } from '../config/config.ts';
import { withAdminConnection } from '../db/admin/admin-connection.ts';
import { connectionTo } from '../db/admin/connection-config.ts';
import type { Project } from '../definition/define-project.ts';
import { OperatorError } from '../errors.ts';
import { isConsoleBuilt } from '../http/console/console-files.ts';
import { describeError } from '../observability/describe-error.ts';
import type { ServiceLog } from '../observability/logger.ts';
import { changedLine } from '../tenancy/fleet/changed-files.ts';
import { runWorker } from '../tenancy/fleet/worker.ts';
import { listTenants } from '../tenancy/registry/registry.ts';
import { openDevEnvironment } from './dev-environment.ts';
import { withDevHome } from './dev-home.ts';
import { type DemoLogin, demoIntroduction, demoLogins, seedDemo } from './seed.ts';

const RESET_HINT =
  'If the migration is not released yet: stop, delete the development data (`make reset`, or `npx tenants reset`), and start again.';

export type DevDeps = Readonly<{
  project: Project;
  env: Readonly<Record<string, string | undefined>>;
  dataDir: string;
  isRoot: boolean;
  print: (line: string) => void;
  stopped: Promise<void>;
}>;

/** @throws OperatorError `configuration_invalid` */
export function requireOwnerUrl({ OWNER_DATABASE_URL: url }: Pick<Config, 'OWNER_DATABASE_URL'>): string {
  if (!url) {
    throw new OperatorError(
      'configuration_invalid',
      'With DATABASE_URL set, OWNER_DATABASE_URL must name the login that migrates.',
    );
  }
  return url;
}

/** Creates a log with lines for a terminal. Production logs JSON. */
const createDevLog = (print: (line: string) => void): ServiceLog => ({
  request: ({ method, path: where, status, duration, code }) =>
    print(`${status} ${method} ${where} ${duration} ms${code === null ? '' : ` ${code}`}`),
  bug: (error, { requestId, method, route }) => {
    print(`bug ${requestId}${route === null ? '' : ` in ${method} ${route}`}:`);
    print(inspect(describeError(error, { development: true }), { breakLength: 100, depth: 6 }));
  },
  warn: (message, facts = {}) => {
    const known = Object.entries(facts).filter(([, value]) => value !== undefined && value !== null);
    const list = known.map(([name, value]) => `${name}: ${String(value)}`).join(', ');
    print(`warning: ${message}${list === '' ? '' : ` (${list})`}`);
  },
  notice: (_message, _facts, { lines }) => {
    for (const line of lines) {
      print(line);
    }
  },
});

async function introduce(
  { print, project }: Pick<DevDeps, 'print' | 'project'>,
  config: Config,
  port: number,
  logins: readonly DemoLogin[],
): Promise<void> {
  const url = (host: string): string => `http://${host}:${port}`;
  print('');
  for (const { host, username, password, note } of logins) {
    print(`  ${url(host).padEnd(32)} ${`${username} / ${password}`.padEnd(36)} ${note}`);
  }
  if (config.API_DOCS) {
    print('');
    print(`API documentation: ${url(logins[0]?.host ?? config.BASE_DOMAIN)}/api/docs/`);
  }
  // Without the app admin, the pages have no API.
  if (config.CONSOLE === 'on' && isConsoleBuilt() && project.apps.some(({ name }) => name === 'admin')) {
    print('');
    print(`Console: ${url(config.BASE_DOMAIN)}/console/, and /console/ of each tenant's host`);
  }
  const lines = await demoIntroduction(project, config, url);
  if (lines.length > 0) {
    print('');
    for (const line of lines) {
      print(line);
    }
  }
  print(`\nReady on port ${port}; the public site is ${url(config.BASE_DOMAIN)}. Ctrl-C stops it.`);
}

/** Seeds only an installation without tenants, so that deleted demo data is not restored. */
async function seedOnce(
  project: Project,
  config: Config,
  owner: pg.ClientConfig,
): Promise<readonly DemoLogin[]> {
  const tenants = await withAdminConnection(owner, listTenants);
  return tenants.length === 0 ? seedDemo(project, config, owner) : demoLogins(project, config);
}

/**
 * Applies new migrations, seeds, and serves until `stopped`. `runDev` runs it in a process of its own,
 * and restarts that process when a file changes.
 *
 * @throws DomainError, or the error of a migration
 */
export async function serveDev(deps: DevDeps): Promise<void> {
  const { project, dataDir, print, stopped } = deps;
  const { env } = await openDevEnvironment(deps.env, deps);
  const config = readConfig(project, env);
  const ownerUrl = requireOwnerUrl(config);
  const { changed } = await migrateFleet(project, config, ownerUrl);
  for (const file of changed) {
    print(changedLine(file));
  }
  if (changed.length > 0) {
    print(RESET_HINT);
  }
  const logins = await seedOnce(project, config, connectionTo(ownerUrl));
  // Only this command loads the server.
  const { openService } = await import('../server/service.ts');
  const service = await openService(withDevHome(project), config, createDevLog(print));
  const facts = path.join(dataDir, 'dev.json');
  try {
    await writeFile(
      facts,
      `${JSON.stringify(
        {
          port: service.port,
          hosts: logins.map(({ host }) => host),
          logins,
          databaseUrl: config.DATABASE_URL,
          ownerDatabaseUrl: ownerUrl,
        },
        null,
        2,
      )}\n`,
      { mode: 0o600 },
    );
    await introduce(deps, config, service.port, logins);
    const ending = new AbortController();
    void stopped.then(() => ending.abort());
    // What `tenants worker` runs in production.
    await runWorker(await workerJobs(project, config, ownerUrl), ending.signal, ({ job, did, error }) => {
      if (did !== null || error !== null) {
        print(`${job}: ${error ?? did}`);
      }
    });
    await stopped;
  } finally {
    await service.close();
    await rm(facts, { force: true });
  }
}
