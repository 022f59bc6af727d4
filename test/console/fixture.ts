import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ExecutionContext } from 'ava';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';

import { buildConsole } from '../../scripts/build-console.ts';
import { accounts } from '../../src/apps/accounts/app.ts';
import { admin } from '../../src/apps/admin/app.ts';
import { operators } from '../../src/apps/operators/app.ts';
import { workerJobs } from '../../src/cli/commands/operations/worker-jobs.ts';
import { readConfig } from '../../src/config/config.ts';
import { defineProject, type Project } from '../../src/definition/define-project.ts';
import { runJobsOnce } from '../../src/tenancy/fleet/worker.ts';
import { notes } from '../fixture-app/notes/app.ts';
import { people } from '../fixture-app/people/app.ts';
import { environmentOf, makeUser, PASSWORD, serve, type TestService } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

const ROOT = join(import.meta.dirname, '../..');

/** The built console. */
export const CONSOLE = join(ROOT, 'dist/console');

export const SITE = 'localhost';

const projectWith = (app: typeof notes) =>
  defineProject({
    apps: [accounts, admin, operators, people, app],
    authentication: accounts.authentication,
  });

const project = projectWith(notes);

/** Creates a release in `folder` whose migration of the app `notes` fails. */
async function createFaultyRelease(folder: string) {
  const [engine, sql] = [
    'src/tenancy/migrations/migration-sql.ts',
    'test/fixture-app/notes/sql/notes.sql',
  ].map((file) => join(ROOT, file)) as [string, string];
  await mkdir(join(folder, 'migrations'));
  await mkdir(join(folder, 'sql'));
  await writeFile(
    join(folder, 'migrations/20260102000000000_fixture_notes.ts'),
    `import { tenantSql } from '${pathToFileURL(engine).href}';\nexport const up = tenantSql('notes.sql');\n`,
  );
  await writeFile(
    join(folder, 'sql/notes.sql'),
    `${await readFile(sql, 'utf8')}\ncreate index notes__wrong on notes (no_such_column);\n`,
  );
  return projectWith({ ...notes, directory: folder });
}

/** A service that serves the built console, and operators of the public site. */
export type ConsoleWorld = Readonly<{
  world: World;
  service: TestService;
  /** Runs the jobs of a worker once. Default: of the release that is served. */
  work: (release?: Project) => Promise<unknown>;
  /** The same release with a faulty migration. */
  faulty: Project;
  /** Serves the same world with other settings. */
  serveWith: (settings: Readonly<Record<string, string>>) => Promise<TestService>;
  close: () => Promise<void>;
}>;

/** Creates a world with the operators `root`, a superuser, and `clerk`, who is staff. */
export async function openConsoleWorld(): Promise<ConsoleWorld> {
  const [world] = await Promise.all([openWorld({ project }), buildConsole(CONSOLE)]);
  await makeUser(world, 'site', 'root', { isSuperuser: true });
  await makeUser(world, 'site', 'clerk', { isStaff: true });
  const serveWith: ConsoleWorld['serveWith'] = (settings) =>
    serve(world, { OPERATORS_THROTTLE: 'off', ...settings });
  const service = await serveWith({});
  const folder = await mkdtemp(join(tmpdir(), 'koa-tenants-release-'));
  const config = readConfig(project, environmentOf(world, { OPERATIONS_DIRECTORY: join(folder, 'dumps') }));
  return {
    world,
    service,
    work: async (release = project) =>
      runJobsOnce(await workerJobs(release, config, world.ownerUrl), AbortSignal.timeout(60_000)),
    faulty: await createFaultyRelease(folder),
    serveWith,
    close: async () => {
      await service.close();
      await world.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Opens the console of a host and logs in. */
export async function logInToConsole(
  page: Page,
  { host = SITE, port, username }: { host?: string; port: number; username: string },
): Promise<void> {
  await page.goto(`http://${host}:${port}/console/`);
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('button', { name: 'Log out' }).waitFor();
}

/** Returns what pages of a context report: exceptions, and content that their policy rejects. */
function watchProblems(context: BrowserContext): string[] {
  const problems: string[] = [];
  context.on('weberror', (error) => problems.push(String(error.error())));
  context.on('console', (message) => {
    if (/Content Security Policy|Trusted|TypeError/.test(message.text())) {
      problems.push(message.text());
    }
  });
  return problems;
}

/** Opens a page in a context of its own, which is closed after the test. */
export async function openConsolePage(
  t: ExecutionContext,
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ context: BrowserContext; page: Page; problems: readonly string[] }> {
  const context = await browser.newContext(options);
  t.teardown(() => context.close());
  return { context, page: await context.newPage(), problems: watchProblems(context) };
}
