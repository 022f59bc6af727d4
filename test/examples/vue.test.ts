import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { build, preview } from 'vite';

import { accounts } from '../../src/apps/accounts/app.ts';
import { idempotency } from '../../src/apps/idempotency/app.ts';
import { projects } from '../../src/apps/projects/app.ts';
import { defineProject } from '../../src/definition/define-project.ts';
import { createBrowserTest } from '../helpers/browser-tests.ts';
import { findChromium, findFaults } from '../helpers/chromium.ts';
import { freePort } from '../helpers/free-port.ts';
import { makeUser, PASSWORD, serve, type TestService, until } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

const root = join(import.meta.dirname, '..', '..');
const example = join(root, 'examples', 'vue');
const testInBrowser = createBrowserTest(test);

let world: World;
let folder: string;
test.before(async () => {
  if (findChromium() !== null) {
    folder = await mkdtemp(join(tmpdir(), 'koa-tenants-vue-'));
    world = await openWorld({
      project: defineProject({
        apps: [accounts, idempotency, projects],
        authentication: accounts.authentication,
      }),
    });
  }
});
test.after.always(async () => {
  await world?.close();
  await rm(folder ?? join(tmpdir(), 'none'), { recursive: true, force: true });
});

/** Builds the front end as `VITE_API=… npm run build` does. */
async function buildFrontEnd(name: string, api: string): Promise<string> {
  const outDir = join(folder, name);
  await build({
    root: example,
    logLevel: 'warn',
    define: { 'import.meta.env.VITE_API': JSON.stringify(api) },
    build: { outDir, emptyOutDir: true, reportCompressedSize: false },
  });
  return outDir;
}

/** Serves the built files, and `/api` on the same port by the service. Returns the port. */
async function serveFrontEnd(t: ExecutionContext, outDir: string, service: TestService): Promise<number> {
  const server = await preview({
    root: example,
    logLevel: 'warn',
    build: { outDir },
    preview: {
      // Another one if it is taken in the meantime.
      port: await freePort(),
      host: '127.0.0.1',
      proxy: { '/api': { target: `http://127.0.0.1:${service.port}`, changeOrigin: false } },
    },
  });
  t.teardown(() => server.close());
  return (server.httpServer.address() as AddressInfo).port;
}

test('the versions of the example are those that this test uses', async (t) => {
  const versionsOf = async (path: string): Promise<Record<string, string>> => {
    const { dependencies, devDependencies } = JSON.parse(await readFile(path, 'utf8'));
    return { ...dependencies, ...devDependencies };
  };
  const ours = await versionsOf(join(root, 'package.json'));
  const theirs = await versionsOf(join(example, 'package.json'));
  for (const [name, version] of Object.entries(theirs)) {
    t.regex(version, /^\d+\.\d+\.\d+$/, name);
  }
  for (const name of ['vue', 'vite', '@vitejs/plugin-vue', 'openapi-fetch', 'openapi-typescript']) {
    t.is(theirs[name], ours[name], name);
  }
});

testInBrowser(
  'a user of another origin logs in, searches, creates, edits, deletes and logs out',
  async (t, browser) => {
    const service = await serve(world);
    t.teardown(service.close);
    const outDir = await buildFrontEnd('other', `http://${world.acme.host}:${service.port}`);
    const port = await serveFrontEnd(t, outDir, service);
    await world.asOwner('update public.tenants set settings = $2 where id = $1', [
      world.acme.id,
      { CORS_ALLOWED_ORIGINS: `http://localhost:${port}` },
    ]);
    await makeUser(world, 'acme', 'ann');
    await world.asOwner(
      `insert into acme.projects (name) select 'Project ' || n from generate_series(1, 41) as n`,
    );
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('pageerror', ({ message }) => problems.push(message));
    const heading = (text: string) => page.getByRole('heading', { name: text, level: 1 }).waitFor();
    const status = (text: string) => page.getByRole('status').filter({ hasText: text }).waitFor();

    await page.goto(`http://localhost:${port}/#/projects`);
    await heading('Log in');
    await page.getByLabel('Username').fill('ann');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.locator('#password-errors').waitFor();
    t.is(await page.evaluate('document.activeElement.id'), 'password');
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('alert').filter({ hasText: 'No active account' }).waitFor();
    t.deepEqual(await findFaults(page, 'login'), []);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Log in' }).click();

    await status('41 projects');
    t.deepEqual(await findFaults(page, 'projects'), []);
    await page.getByRole('link', { name: 'Next' }).click();
    await page.getByText('Page 2 of 3').waitFor();
    await page.reload();
    await page.getByText('Page 2 of 3').waitFor();
    await page.getByLabel('Search').fill('Project 41');
    await page.getByRole('button', { name: 'Search' }).click();
    await status('1 project');

    await page.getByRole('link', { name: 'New project' }).click();
    await heading('New project');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.locator('#name-errors').waitFor();
    t.is(await page.evaluate('document.activeElement.id'), 'name');
    t.deepEqual(await findFaults(page, 'new project'), []);
    await page.getByLabel('Name').fill('<b>Rocket</b>');
    await page.getByLabel('Description').fill('Fast');
    await page.getByRole('button', { name: 'Create' }).click();
    await status('42 projects');

    // An expired access token: the request is repeated with the next one.
    await page.route(
      '**/api/projects/*/',
      (route) =>
        route.continue({ headers: { ...route.request().headers(), authorization: 'Bearer expired' } }),
      { times: 1 },
    );
    await page.getByRole('link', { name: '<b>Rocket</b>' }).click();
    await heading('Edit project');
    await page.getByLabel('Name').fill('Rocket skates');
    t.deepEqual(await findFaults(page, 'edit'), []);
    await world.asOwner(`update acme.projects set description = 'Faster' where name = '<b>Rocket</b>'`);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('alert').waitFor();
    await page.reload();
    await page.getByLabel('Name').fill('Rocket skates');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('link', { name: 'Rocket skates' }).click();
    await page.getByLabel('Description').waitFor();
    t.is(await page.getByLabel('Description').inputValue(), 'Faster');
    page.once('dialog', (dialog) => void dialog.accept());
    await page.getByRole('button', { name: 'Delete' }).click();
    await status('41 projects');

    await page.getByRole('button', { name: 'Log out' }).click();
    await heading('Log in');
    await page.reload();
    await heading('Log in');
    t.deepEqual(await world.asOwner('select id from acme.sessions'), []);
    t.deepEqual([problems, service.bugs], [[], []]);
  },
);

testInBrowser(
  "a user of the tenant's own host registers, activates, and has a session in cookies",
  async (t, browser) => {
    const service = await serve(world, {
      AUTH_COOKIES: 'true',
      SEND_ACTIVATION_EMAIL: 'true',
      ACTIVATION_URL: '#/activate/{uid}/{token}',
    });
    t.teardown(service.close);
    const port = await serveFrontEnd(t, await buildFrontEnd('own', ''), service);
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('pageerror', ({ message }) => problems.push(message));

    await page.goto(`http://${world.globex.host}:${port}/#/register`);
    await page.getByLabel('Username').fill('hank');
    await page.getByLabel('E-mail address').fill('hank@');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Register' }).click();
    await page.locator('#email-errors').waitFor();
    t.deepEqual(await findFaults(page, 'register'), []);
    await page.getByLabel('E-mail address').fill('hank@example.com');
    await page.getByRole('button', { name: 'Register' }).click();
    await page.getByRole('heading', { name: 'Check your mail' }).waitFor();

    const mail = await until(
      async () => service.mails.find(({ to }) => to === 'hank@example.com'),
      (found) => found !== undefined,
    );
    const link = new URL(mail?.link ?? '');
    t.is(link.hostname, world.globex.host);
    link.port = String(port);
    await page.goto(link.href);
    t.deepEqual(await findFaults(page, 'activate'), []);
    await page.getByRole('button', { name: 'Activate' }).click();
    await page.getByRole('status').filter({ hasText: 'active' }).waitFor();
    await page.getByRole('main').getByRole('link', { name: 'Log in' }).click();
    await page.getByLabel('Username').fill('hank');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('0 projects').waitFor();
    t.is(await page.evaluate('localStorage.length'), 0);
    await page.reload();
    await page.getByText('0 projects').waitFor();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    t.deepEqual([problems, service.bugs], [[], []]);
  },
);
