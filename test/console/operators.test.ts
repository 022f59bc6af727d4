import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { Page } from 'playwright-core';

import type { Project } from '../../src/definition/define-project.ts';
import { createBrowserTest } from '../helpers/browser-tests.ts';
import { findChromium, findFaults } from '../helpers/chromium.ts';
import { makeUser, PASSWORD, until } from '../helpers/server.ts';
import { type ConsoleWorld, logInToConsole, openConsolePage, openConsoleWorld } from './fixture.ts';

/** Markup that sets `xss` when a page runs it, in the ways in which a page could use a text. */
const HOSTILE = `"><img src=x onerror="window.xss=1"><script>window.xss=1</script>{{constructor.constructor('window.xss=1')()}}`;

const testInBrowser = createBrowserTest(test);

let opened: ConsoleWorld;
test.before(async (t) => {
  t.timeout(300_000);
  if (findChromium() !== null) {
    opened = await openConsoleWorld();
  }
});
test.after.always(() => opened?.close());

const heading = (page: Page, text: string | RegExp) =>
  page.getByRole('heading', { name: text, level: 1 }).waitFor();
const visit = (page: Page, path: string) =>
  page.goto(`http://localhost:${opened.service.port}/console${path}`);
const follow = (page: Page, text: string) => page.getByRole('link', { name: text, exact: true }).click();
const press = (page: Page, text: string) => page.getByRole('button', { name: text, exact: true }).click();

/** Undoes the newest migration of globex: it is behind the release that is served. */
async function undoMigration(): Promise<void> {
  const { asOwner, globex } = opened.world;
  const down = join(import.meta.dirname, '../fixture-app/notes/sql/notes-down.sql');
  await asOwner(`set search_path = globex; ${await readFile(down, 'utf8')}; reset search_path`);
  await asOwner(`delete from tenancy_migrations."${globex.role}" where name like '%fixture_notes'`);
  await asOwner(
    `update public.tenants
     set migrated_to = (select max(name) from tenancy_migrations."${globex.role}"),
       migrations_applied = migrations_applied - 1,
       transactional_applied = transactional_applied - 1
     where schema_name = 'globex'`,
  );
}

/** Runs the worker when the operation is queued, and waits until the dialog or the page shows its end. */
async function workUntil(page: Page, text: string, release?: Project): Promise<void> {
  const dialog = page.getByRole('dialog');
  const place = (await dialog.isVisible()) ? dialog : page.getByRole('main');
  await until(
    () => opened.world.asOwner(`select from tenancy.operations where status = 'queued'`),
    (queued) => queued.length > 0,
  );
  await opened.work(release);
  await place.getByText(text, { exact: true }).first().waitFor();
}

testInBrowser(
  'an operator finds a failing tenant, reads why, fixes it, and sees it in the audit',
  async (t, browser) => {
    const { world, service } = opened;
    const { page, problems } = await openConsolePage(t, browser);
    await undoMigration();
    await logInToConsole(page, { port: service.port, username: 'root' });
    await heading(page, 'Dashboard');

    await follow(page, 'Tenants');
    await follow(page, 'globex');
    await heading(page, 'globex');
    await page.getByText('Behind').waitFor();
    await press(page, 'Migrate');
    await page.getByRole('dialog').getByRole('button', { name: 'Migrate', exact: true }).click();
    await workUntil(page, 'Failed', opened.faulty);
    await press(page, 'Close');

    await follow(page, 'Dashboard');
    const failures = page.getByRole('region', { name: 'Failed migrations' });
    await failures.getByText(/column "no_such_column" does not exist/).waitFor();
    await failures.getByRole('link', { name: 'globex' }).click();
    await page
      .getByRole('region', { name: 'The last migration failed' })
      .getByText(/does not exist/)
      .waitFor();
    t.is((await service.request(world.globex.host, 'GET', '/api/console/')).status, 503);

    // The migration is corrected in the next release, whose worker runs from now on.
    await press(page, 'Migrate this tenant again');
    await page.getByRole('dialog').getByRole('button', { name: 'Migrate', exact: true }).click();
    await workUntil(page, 'Succeeded');
    await press(page, 'Close');
    await page.getByRole('region', { name: 'The last migration failed' }).waitFor({ state: 'detached' });
    t.is((await service.request(world.globex.host, 'GET', '/api/console/')).status, 200);

    await follow(page, 'Audit');
    await page.getByRole('searchbox', { name: 'Schema of a tenant' }).fill('globex');
    await page.getByRole('cell', { name: 'Migrate' }).nth(1).waitFor();
    await page.getByText(/outcome:\s+succeeded/).waitFor();
    await page.getByText(/outcome:\s+failed/).waitFor();
    t.true((await page.getByRole('cell', { name: 'root' }).count()) >= 2);
    t.notRegex(
      String(await page.evaluate('JSON.stringify([localStorage, sessionStorage])')),
      /eyJ/,
      'no token is stored',
    );
    t.is(await page.evaluate('localStorage.length'), 0);
    t.deepEqual([problems, service.bugs], [[], []]);
  },
);

testInBrowser(
  'an operator creates a tenant, adds a domain, and deletes it with its name as a confirmation',
  async (t, browser) => {
    const { service } = opened;
    const { page, problems } = await openConsolePage(t, browser);
    await logInToConsole(page, { port: service.port, username: 'root' });
    await follow(page, 'Tenants');
    await follow(page, 'Create tenant');
    await page.getByLabel('Name', { exact: false }).first().fill('Umbrella Corp.');
    t.is(await page.getByLabel('Domain').inputValue(), 'umbrella-corp.localhost');
    await page.getByLabel('Schema name').fill('9 bad');
    await press(page, 'Next');
    t.is(await page.getByLabel('Password of the first user').getAttribute('type'), 'password');
    await press(page, 'Next');
    await page.getByText('umbrella-corp.localhost').waitFor();
    await press(page, 'Create tenant');
    await page.locator('[aria-invalid=true]').waitFor();
    await page.getByLabel('Schema name').fill('umbrella');
    await press(page, 'Next');
    await press(page, 'Next');
    await press(page, 'Create tenant');
    await workUntil(page, 'Open the tenant');
    await follow(page, 'Open the tenant');
    await heading(page, 'Umbrella Corp.');

    await press(page, 'Add domain');
    await page.getByRole('dialog').getByRole('textbox', { name: 'Domain' }).fill('not a domain');
    await page.getByRole('dialog').getByRole('button', { name: 'Add domain' }).click();
    await page.getByRole('dialog').locator('[aria-invalid=true]').waitFor();
    await page.getByRole('dialog').getByRole('textbox', { name: 'Domain' }).fill('acme.localhost');
    await page.getByRole('dialog').getByRole('button', { name: 'Add domain' }).click();
    await workUntil(page, 'Failed');
    await press(page, 'Change the details');
    t.is(
      await page.getByRole('dialog').getByRole('textbox', { name: 'Domain' }).inputValue(),
      'acme.localhost',
    );
    await page.getByRole('dialog').getByRole('textbox', { name: 'Domain' }).fill('umbrella.example.com');
    await page.getByRole('dialog').getByRole('button', { name: 'Add domain' }).click();
    await workUntil(page, 'Succeeded');
    await press(page, 'Close');
    await page
      .getByRole('table', { name: 'Domains' })
      .getByText('umbrella.example.com', { exact: true })
      .waitFor();

    await press(page, 'Delete tenant');
    const dialog = page.getByRole('dialog');
    const confirm = dialog.getByRole('button', { name: 'Delete tenant' });
    t.true(await confirm.isDisabled());
    await dialog.getByLabel('Type umbrella to confirm').fill('umbrell');
    t.true(await confirm.isDisabled());
    await dialog.getByLabel('Type umbrella to confirm').fill('umbrella');
    await confirm.click();
    await workUntil(page, 'Succeeded');
    await press(page, 'Close');
    await page.getByText('Deleted', { exact: true }).first().waitFor();
    // A deleted tenant is dumped, undeleted or purged, and nothing else.
    t.deepEqual(await page.getByRole('main').getByRole('button').allInnerTexts(), [
      'Reload',
      'Undelete tenant',
      'Dump tenant',
      'Purge tenant',
    ]);
    await press(page, 'Undelete tenant');
    await page.getByRole('dialog').getByRole('button', { name: 'Undelete tenant' }).click();
    await workUntil(page, 'Succeeded');
    t.deepEqual([problems, service.bugs], [[], []]);
  },
);

testInBrowser(
  'staff without the rights of a superuser cannot destroy, and other users see nothing',
  async (t, browser) => {
    const { world, service } = opened;
    await makeUser(world, 'site', 'guest');
    const { page } = await openConsolePage(t, browser);
    await logInToConsole(page, { port: service.port, username: 'clerk' });
    await visit(page, '/tenants/acme');
    await heading(page, 'acme');
    t.true(await page.getByRole('button', { name: 'Delete tenant' }).isDisabled());
    t.is(await page.getByRole('button', { name: /Log in as/ }).count(), 0);
    await press(page, 'Log out');
    await heading(page, 'Log in');
    await page.reload();
    await heading(page, 'Log in');
    await logInToConsole(page, { port: service.port, username: 'guest' });
    await heading(page, 'No access');
    t.is(await page.getByRole('navigation').count(), 0);
  },
);

testInBrowser(
  'a superuser restores a dump that the worker offers, and one double click requests it once',
  async (t, browser) => {
    const { service, world } = opened;
    const { page, problems } = await openConsolePage(t, browser);
    await logInToConsole(page, { port: service.port, username: 'root' });
    await visit(page, '/tenants/acme');
    await press(page, 'Dump tenant');
    await page.getByRole('dialog').getByRole('button', { name: 'Dump tenant' }).dblclick();
    await workUntil(page, 'Succeeded');
    await press(page, 'Close');
    await opened.work();
    const [{ dumps } = { dumps: 0 }] = await world.asOwner<{ dumps: number }>(
      `select count(*)::integer as dumps from tenancy.operations where kind = 'dump-tenant'`,
    );
    t.is(dumps, 1);

    await follow(page, 'Operations');
    await press(page, 'Restore tenant');
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('combobox', { name: 'Dump' }).press('ArrowDown');
    await page.getByRole('option', { name: /^acme-\d{8}t\d{6}z\.tenant$/ }).click();
    await dialog.getByLabel('Schema name').fill('acme_again');
    await dialog.getByLabel('Domains').fill('again.localhost');
    await dialog.getByLabel('Type restore-tenant to confirm').fill('restore-tenant');
    // The response of the first request is lost. The second one, with the same key, finds its operation.
    let lost = 0;
    await page.route('**/api/operations/', async (route) => {
      if (route.request().method() === 'POST' && lost === 0) {
        lost += 1;
        await route.fetch();
        return route.abort();
      }
      return route.continue();
    });
    await dialog.getByRole('button', { name: 'Restore tenant' }).click();
    await dialog.getByText(/The service cannot be reached/).waitFor();
    await dialog.getByRole('button', { name: 'Restore tenant' }).click();
    await workUntil(page, 'Succeeded');
    const [{ restores } = { restores: 0 }] = await world.asOwner<{ restores: number }>(
      `select count(*)::integer as restores from tenancy.operations where kind = 'restore-tenant'`,
    );
    t.deepEqual([lost, restores], [1, 1]);
    t.deepEqual([problems, service.bugs], [[], []]);
  },
);

testInBrowser(
  'a superuser invites staff, deactivates a user, and operators change their own account',
  async (t, browser) => {
    const { service, world } = opened;
    const { page, problems } = await openConsolePage(t, browser);
    await logInToConsole(page, { port: service.port, username: 'root' });
    await follow(page, 'Users');
    await press(page, 'Add user');
    await page.getByLabel('Username').fill('newcomer');
    await page.getByRole('switch', { name: 'Invite by mail' }).press('Space');
    await page.getByRole('switch', { name: 'Staff' }).press('Space');
    t.is(await page.getByLabel('Password', { exact: true }).count(), 0);
    await press(page, 'Add');
    await page.getByText('An invitation needs an address.').waitFor();
    await page.getByLabel('E-mail').fill('newcomer@example.com');
    await press(page, 'Add');
    await heading(page, 'newcomer');
    t.deepEqual(
      await world.asOwner(
        `select u.is_active, u.is_staff from site.users as u where u.username = 'newcomer'`,
      ),
      [{ is_active: true, is_staff: true }],
    );
    await until(
      async () => service.mails.filter(({ to }) => to === 'newcomer@example.com').length,
      (sent) => sent === 1,
    );
    await press(page, 'Deactivate');
    await page.getByRole('dialog').getByRole('button', { name: 'Deactivate' }).click();
    await page.getByRole('button', { name: 'Activate', exact: true }).waitFor();
    await press(page, 'Log out');

    await logInToConsole(page, { port: service.port, username: 'clerk' });
    t.is(await page.getByRole('link', { name: 'Users', exact: true }).count(), 0);
    await follow(page, 'Your account');
    await page.getByLabel('First name').fill('Clara');
    await press(page, 'Save');
    await page.getByText('The user was saved.').waitFor();
    await page.getByLabel('Current password').fill('wrong password');
    await page.getByLabel('New password').fill('another fine password 7');
    await press(page, 'Change password');
    await page.locator('[aria-invalid=true]').waitFor();
    await page.getByLabel('Current password').fill(PASSWORD);
    await press(page, 'Change password');
    await page.getByText(/^The password was changed/).waitFor();
    await page.getByRole('main').getByRole('link', { name: 'Your sessions' }).click();
    await page.getByText('This session').waitFor();
    t.deepEqual(await world.asOwner(`select first_name from site.users where username = 'clerk'`), [
      { first_name: 'Clara' },
    ]);
    t.deepEqual([problems, service.bugs], [[], []]);
  },
);

testInBrowser(
  'an operator acts for a member of a tenant below a banner, until the operator stops',
  async (t, browser) => {
    const { world, service } = opened;
    await makeUser(world, 'acme', 'boss', { isSuperuser: true });
    const { context, page, problems } = await openConsolePage(t, browser);
    await logInToConsole(page, { port: service.port, username: 'root' });
    await visit(page, '/tenants/acme');
    await press(page, 'Log in as boss');
    const before = service.requests.length;
    const [tenantPage] = await Promise.all([
      context.waitForEvent('page'),
      page.getByRole('dialog').getByRole('button', { name: 'Log in as boss' }).click(),
    ]);
    const banner = tenantPage.getByRole('complementary', { name: 'Acting for a user' });
    await banner.getByText('You act for boss.').waitFor();
    await banner.getByText(/with your username root/).waitFor();
    const urls = JSON.stringify([tenantPage.url(), service.requests.slice(before)]);
    t.false(urls.includes('eyJ'), 'no URL has the token');
    t.is(new URL(tenantPage.url()).host, `acme.localhost:${service.port}`);
    t.is(await tenantPage.evaluate('opener'), null);
    // Also after a reload, and at the top of a page that was scrolled.
    await tenantPage.reload();
    await banner.waitFor();
    await tenantPage.setViewportSize({ width: 360, height: 700 });
    await tenantPage.evaluate('scrollTo(0, 10_000)');
    const box = await banner.boundingBox();
    t.true((box?.y ?? -1) >= 0 && (box?.width ?? 0) >= 355);
    t.deepEqual(await findFaults(tenantPage, 'acting'), []);
    await banner.getByRole('button', { name: 'Stop acting' }).click();
    await heading(tenantPage, 'Log in');
    await tenantPage.goBack().catch(() => null);
    await tenantPage.goto(`http://acme.localhost:${service.port}/console/`);
    await heading(tenantPage, 'Log in');
    t.deepEqual([problems, service.bugs], [[], []]);
  },
);

testInBrowser(
  'texts that others wrote run nothing, and every page fits and has no finding of axe',
  async (t, browser) => {
    const { world, service } = opened;
    const { asOwner } = world;
    // Every text that a page of operators shows, also those that no route accepts.
    await asOwner(`update public.tenants set name = $1 where schema_name = 'acme'`, [HOSTILE]);
    await asOwner(`update public.tenants set settings = $1 where schema_name = 'acme'`, [
      JSON.stringify({ CORS_ALLOWED_ORIGIN_REGEXES: '<img src=x onerror="window.xss=1">' }),
    ]);
    await asOwner(
      `insert into tenancy.migration_failures (tenant_id, migration, error)
     select id, $1, $1 from public.tenants where schema_name = 'acme'`,
      [HOSTILE],
    );
    await asOwner(
      `insert into acme.users (username, email, first_name, last_name, password) values ('hostile', 'x@example.com', $1, $1, '!')`,
      [HOSTILE],
    );
    await asOwner(
      `update tenancy.operations
     set progress_text = $1, actor = $1,
       result = jsonb_build_object('findings', jsonb_build_array(
         jsonb_build_object('check', $1::text, 'severity', $1::text, 'object', $1::text, 'fault', $1::text, 'remedy', $1::text)
       ))`,
      [HOSTILE],
    );
    const { page } = await openConsolePage(t, browser, { bypassCSP: true });
    await visit(page, '/login');
    await press(page, 'Log in');
    await page.locator('[aria-invalid=true]').first().waitFor();
    const faults = [...(await findFaults(page, 'login'))];
    await logInToConsole(page, { port: service.port, username: 'root' });
    const [operation] = await asOwner<{ id: string }>('select id from tenancy.operations limit 1');
    for (const path of [
      '/',
      '/tenants',
      '/tenants/acme',
      '/create-tenant',
      '/operations',
      `/operations/${operation?.id}`,
      '/checks',
      '/mail',
      '/audit',
      '/users',
      '/users/new',
      '/account',
      '/sessions',
      '/nowhere',
    ]) {
      await visit(page, path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.waitForLoadState('networkidle');
      faults.push(...(await findFaults(page, path.replace(/\/[0-9a-f-]{36}/, '/one'))));
      t.is(await page.evaluate('window.xss'), undefined, path);
    }
    await visit(page, '/tenants/acme');
    await press(page, 'Rename tenant');
    faults.push(...(await findFaults(page, 'dialog')));
    t.true((await page.content()).includes('onerror'), 'the texts are shown');
    t.is(await page.evaluate('window.xss'), undefined);
    t.deepEqual(faults, []);
  },
);
