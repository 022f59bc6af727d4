/**
 * Writes the screenshots of README.md: `npm run screenshots`.
 *
 * `node scripts/screenshots.ts <folder>` writes every page into a folder instead, in light and dark, 360 and 1440 pixels
 * wide. Uses the Chromium of the machine, a PostgreSQL of its own (or that of TEST_DATABASE_URL), and the demo data.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { createServer } from 'vite';

import { readConfig } from '../src/config/config.ts';
import { connectionTo } from '../src/db/admin/connection-config.ts';
import { seedDemo } from '../src/dev/seed.ts';
import { project } from '../src/project.ts';
import { findChromium, openChromium, VIEWS } from '../test/helpers/chromium.ts';
import { freePort } from '../test/helpers/free-port.ts';
import { startTestServer } from '../test/helpers/postgres.ts';
import { environmentOf, serve, type TestService, until } from '../test/helpers/server.ts';
import { openWorld, type World } from '../test/helpers/world.ts';
import { buildConsole } from './build-console.ts';

const ROOT = join(import.meta.dirname, '..');
const PASSWORD = 'alice-demo-password';
const SETTINGS = {
  BILLING_PLANS: '{"team": {"settings": {"USERS_LIMIT": 10, "PROJECTS_LIMIT": 50}}}',
  SIGNUP: 'open',
  SEND_ACTIVATION_EMAIL: 'true',
  THROTTLE_LOGIN: 'off',
  THROTTLE_RESET: 'off',
};

/** Pages of README.md: name to height. */
const SHOWN: Readonly<Record<string, number>> = {
  landing: 560,
  'sign-up': 820,
  subscription: 900,
  projects: 640,
  'console-tenant': 900,
  'console-rows': 640,
};
const SHOWN_WIDTH = 1000;

type Stage = Readonly<{ world: World; service: TestService; browser: Browser; frontEnd: number }>;
/** Called with the name of a page that is shown. */
type Look = (name: string, page: Page) => Promise<void>;

const url = ({ service }: Stage, host: string, path: string): string =>
  `http://${host}:${service.port}${path}`;

/** Returns the newest mailed link, with the port of the service. */
async function mailedLink({ service }: Stage, from: number): Promise<string> {
  const mail = await until(
    async () => service.mails.slice(from).findLast(({ link }) => link !== null),
    (found) => found !== undefined,
  );
  const link = new URL(mail?.link ?? '');
  link.port = String(service.port);
  return link.href;
}

async function logIn(stage: Stage, page: Page, host = 'acme.localhost', password = PASSWORD): Promise<void> {
  await page.goto(url(stage, host, '/login'));
  await page.fill('[name=username]', password.replace('-demo-password', ''));
  await page.fill('[name=password]', password);
  await page.click('main button');
}

/** Shows the pages of the public site. */
async function showSite(stage: Stage, page: Page, look: Look): Promise<void> {
  await page.goto(url(stage, 'localhost', '/'));
  await look('landing', page);
  await page.goto(url(stage, 'localhost', '/signup'));
  await look('sign-up', page);
  await page.fill('[name=name]', 'Founders & Co');
  await page.fill('[name=slug]', 'acme');
  await page.fill('[name=email]', 'founder@example.com');
  await page.fill('[name=password]', '12345678');
  await page.click('main button');
  await look('sign-up-errors', page);
  const sent = stage.service.mails.length;
  await page.fill('[name=slug]', 'founders');
  await page.fill('[name=password]', 'correct horse battery staple');
  await page.click('main button');
  await look('sign-up-sent', page);
  const link = await mailedLink(stage, sent);
  await page.goto(link);
  await look('confirm', page);
  await page.click('main button');
  await look('creating', page);
  await page.goto(url(stage, 'localhost', '/signup/confirm/not-valid'));
  await look('confirm-invalid', page);
  await page.goto(url(stage, 'localhost', '/workspaces'));
  await look('workspaces', page);
  await page.fill('[name=email]', 'founder@example.com');
  await page.click('main button');
  await look('workspaces-sent', page);
}

/** Shows the pages of a user on a tenant's host. */
async function showAccount(stage: Stage, page: Page, look: Look): Promise<void> {
  const acme = 'acme.localhost';
  const on = (path: string): Promise<unknown> => page.goto(url(stage, acme, path));
  await on('/login');
  await look('login', page);
  await page.fill('[name=username]', 'alice');
  await page.fill('[name=password]', 'wrong');
  await page.click('main button');
  await look('login-error', page);
  await logIn(stage, page);
  await look('account', page);
  await on('/account/password');
  await look('password', page);
  await page.fill('[name=current_password]', 'wrong');
  await page.fill('[name=new_password]', '12345678');
  await page.click('main button');
  await look('password-errors', page);
  await on('/subscription');
  await look('subscription', page);
  await on('/projects');
  await look('projects-page', page);
  await on('/account');
  await page.click('main button');
  await look('logged-out', page);
  for (const [name, path] of [
    ['reset', '/password/reset'],
    ['username-reset', '/username/reset'],
    ['activate', '/activate'],
  ] as const) {
    await on(path);
    await look(name, page);
  }
  await on('/password/reset');
  const sent = stage.service.mails.length;
  await page.fill('[name=email]', 'alice@acme.localhost');
  await page.click('main button');
  await look('reset-sent', page);
  await page.goto(await mailedLink(stage, sent));
  await look('new-password', page);
  await on('/password/reset/confirm/x/y');
  await look('link-invalid', page);
  await on('/nowhere');
  await look('not-found', page);
  await page.goto(url(stage, 'unknown.localhost', '/'));
  await look('unknown-host', page);
  await logIn(stage, page, 'initech.localhost', 'peter-demo-password');
  await page.goto(url(stage, 'initech.localhost', '/subscription'));
  await look('subscription-unpaid', page);
  await on('/api/docs/');
  await page.waitForSelector('.opblock');
  await look('api-docs', page);
}

/** Shows the front end of examples/vue. */
async function showFrontEnd(stage: Stage, page: Page, look: Look): Promise<void> {
  await page.goto(`http://acme.localhost:${stage.frontEnd}/`);
  await page.waitForSelector('input[type=password]');
  await look('front-end-login', page);
  const [username, password] = [page.locator('input').first(), page.locator('input[type=password]').first()];
  await username.fill('alice');
  await password.fill(PASSWORD);
  await page.click('main button');
  await page.getByText('Rocket skates').waitFor();
  await look('projects', page);
}

/** Logs in to the console of a host. */
async function logInToConsole(stage: Stage, page: Page, host: string, username: string): Promise<void> {
  await page.goto(url(stage, host, '/console/'));
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Password').fill(`${username}-demo-password`);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('button', { name: 'Log out' }).waitFor();
}

/** Shows the console of operators, and that of a tenant's staff. Their other pages are in the tests of the console. */
async function showConsole(stage: Stage, page: Page, look: Look): Promise<void> {
  await logInToConsole(stage, page, 'localhost', 'operator');
  await look('console-dashboard', page);
  await page.goto(url(stage, 'localhost', '/console/tenants/acme'));
  await page.getByText('acme.localhost').first().waitFor();
  await look('console-tenant', page);
  await logInToConsole(stage, page, 'acme.localhost', 'alice');
  await page.goto(url(stage, 'acme.localhost', '/console/models/projects.project'));
  await page.getByText('Rocket skates').first().waitFor();
  await look('console-rows', page);
}

/** Gives the demo tenants a plan, payments and use. */
async function addSubscriptions({ asOwner }: World): Promise<void> {
  await asOwner(
    `update public.tenants set on_trial = false, paid_until = current_date + 40, settings = $1 where schema_name = 'acme'`,
    [
      JSON.stringify({
        USERS_LIMIT: 10,
        PROJECTS_LIMIT: 50,
        TENANT_STORAGE_MB: 500,
        TENANT_REQUESTS_PER_MINUTE: 6000,
      }),
    ],
  );
  await asOwner(
    `insert into tenancy.subscriptions (tenant_id, plan)
     select id, 'team' from public.tenants where schema_name = 'acme'`,
  );
  await asOwner(
    `insert into tenancy.payments (reference, tenant_id, paid_until, amount, currency, recorded_at)
     select 'INV-2027-00' || n, t.id, current_date - 20 + 30 * n, 49.00, 'EUR', now() - make_interval(days => 80 - 30 * n)
     from public.tenants as t
     cross join generate_series(1, 2) as n
     where t.schema_name = 'acme'`,
  );
  await asOwner('analyze');
}

/** Opens everything that has pages, and calls `work`. */
async function onStage(executable: string, work: (stage: Stage) => Promise<void>): Promise<void> {
  const server = process.env.TEST_DATABASE_URL === undefined ? await startTestServer() : null;
  process.env.TEST_DATABASE_URL ??= server?.url;
  const closers: Array<() => Promise<unknown>> = server ? [server.stop] : [];
  try {
    const [world] = await Promise.all([openWorld({ project }), buildConsole(join(ROOT, 'dist/console'))]);
    closers.push(world.close);
    await seedDemo(
      project,
      readConfig(project, environmentOf(world, SETTINGS)),
      connectionTo(world.ownerUrl),
    );
    await addSubscriptions(world);
    const service = await serve(world, SETTINGS);
    closers.push(service.close);
    process.env.PORT = String(service.port);
    const frontEnd = await freePort();
    const vite = await createServer({
      root: join(ROOT, 'examples/vue'),
      configFile: join(ROOT, 'examples/vue/vite.config.ts'),
      logLevel: 'warn',
      server: { port: frontEnd, host: '127.0.0.1' },
    });
    closers.push(() => vite.close());
    await vite.listen();
    const browser = await openChromium(executable);
    closers.push(() => browser.close());
    await work({ world, service, browser, frontEnd });
  } finally {
    for (const close of closers.reverse()) {
      await close();
    }
  }
}

async function showAll(stage: Stage, look: Look): Promise<void> {
  for (const show of [showSite, showAccount, showFrontEnd, showConsole]) {
    const context = await stage.browser.newContext({ viewport: { width: SHOWN_WIDTH, height: 800 } });
    await show(stage, await context.newPage(), look);
    await context.close();
  }
}

const executable = findChromium();
if (executable === null) {
  throw new Error('No Chromium was found. Install the package chromium, or set CHROMIUM.');
}
const [folder] = process.argv.slice(2);
const target = folder ?? join(ROOT, 'docs/screenshots');
await mkdir(target, { recursive: true });
await onStage(executable, (stage) =>
  showAll(stage, async (name, page) => {
    if (folder === undefined) {
      const height = SHOWN[name];
      if (height !== undefined) {
        await page.setViewportSize({ width: SHOWN_WIDTH, height });
        await page.screenshot({ path: join(target, `${name}.png`), animations: 'disabled' });
      }
      return;
    }
    for (const { colorScheme, width } of VIEWS) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      await page.screenshot({
        path: join(target, `${name}-${colorScheme}-${width}.png`),
        fullPage: true,
        animations: 'disabled',
      });
    }
    await page.setViewportSize({ width: SHOWN_WIDTH, height: 800 });
    await page.emulateMedia({ colorScheme: 'light' });
  }),
);
