import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { Browser, Page } from 'playwright-core';

import { findChromium, openChromium } from '../helpers/chromium.ts';
import { makeUser, until } from '../helpers/server.ts';
import { type ConsoleWorld, findFaults, logInToConsole, openConsoleWorld, watchProblems } from './fixture.ts';

/** Markup that sets `xss` when a page runs it, in the ways in which a page could use a text. */
const HOSTILE = `"><img src=x onerror="window.xss=1"><script>window.xss=1</script>{{constructor.constructor('window.xss=1')()}}`;

const executable = findChromium();

let opened: ConsoleWorld;
let browser: Browser;
test.before(async (t) => {
  t.timeout(300_000);
  if (executable !== null) {
    opened = await openConsoleWorld();
    browser = await openChromium(executable);
  }
});
test.after.always(async () => {
  await browser?.close();
  await opened?.close();
});

const withoutBrowser = (t: {
  falsy: (value: unknown, text: string) => unknown;
  log: (text: string) => void;
}) => {
  t.falsy(process.env.CI, 'CI must have Chromium');
  t.log('Not tested: no Chromium was found. Install the package chromium, or set CHROMIUM.');
};

const heading = (page: Page, text: string | RegExp) =>
  page.getByRole('heading', { name: text, level: 1 }).waitFor();
const follow = (page: Page, text: string) => page.getByRole('link', { name: text, exact: true }).click();
const press = (page: Page, text: string) => page.getByRole('button', { name: text, exact: true }).click();

/** Makes the newest migration of globex fail: its table exists, but not the record of the migration. */
async function breakMigration(): Promise<void> {
  const { asOwner, globex } = opened.world;
  await asOwner(`delete from tenancy_migrations."${globex.role}" where name like '%fixture_notes'`);
  await asOwner(
    `update public.tenants
     set migrated_to = (select max(name) from tenancy_migrations."${globex.role}"),
       migrations_applied = migrations_applied - 1,
       transactional_applied = transactional_applied - 1
     where schema_name = 'globex'`,
  );
}

/** Runs the worker until the dialog or the page shows the end of the operation. */
async function workUntil(page: Page, text: string): Promise<void> {
  const dialog = page.getByRole('dialog');
  const place = (await dialog.isVisible()) ? dialog : page.getByRole('main');
  const shown = place.getByText(text, { exact: true });
  await until(
    async () => {
      await opened.work();
      return shown.first().isVisible();
    },
    (isShown) => isShown,
  );
  await shown.first().waitFor({ timeout: 1_000 });
}

test.serial(
  'an operator finds a failing tenant, reads why, fixes it, and sees it in the audit',
  async (t) => {
    if (executable === null) {
      return withoutBrowser(t);
    }
    t.timeout(300_000);
    const { world, service } = opened;
    const context = await browser.newContext();
    t.teardown(() => context.close());
    const problems = watchProblems(context);
    const page = await context.newPage();
    await breakMigration();
    await logInToConsole(page, { port: service.port, username: 'root' });
    await heading(page, 'Dashboard');

    await follow(page, 'Tenants');
    await follow(page, 'globex');
    await heading(page, 'globex');
    await page.getByText('Behind').waitFor();
    await press(page, 'Migrate');
    await page.getByRole('dialog').getByRole('button', { name: 'Migrate', exact: true }).click();
    await workUntil(page, 'Failed');
    await press(page, 'Close');

    await follow(page, 'Dashboard');
    const failures = page.getByRole('region', { name: 'Failed migrations' });
    await failures.getByText(/type "note_level" already exists/).waitFor();
    await failures.getByRole('link', { name: 'globex' }).click();
    await page
      .getByRole('region', { name: 'The last migration failed' })
      .getByText(/already exists/)
      .waitFor();
    t.is((await service.request(world.globex.host, 'GET', '/api/console/')).status, 503);

    // The cause is in the tenant's tables.
    const down = join(import.meta.dirname, '../fixture-app/notes/sql/notes-down.sql');
    await world.asOwner(`set search_path = globex; ${await readFile(down, 'utf8')}; reset search_path`);
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

test.serial(
  'an operator creates a tenant, adds a domain, and deletes it with its name as a confirmation',
  async (t) => {
    if (executable === null) {
      return withoutBrowser(t);
    }
    t.timeout(300_000);
    const { service } = opened;
    const context = await browser.newContext();
    t.teardown(() => context.close());
    const problems = watchProblems(context);
    const page = await context.newPage();
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
    await press(page, 'Undelete tenant');
    await page.getByRole('dialog').getByRole('button', { name: 'Undelete tenant' }).click();
    await workUntil(page, 'Succeeded');
    t.deepEqual([problems, service.bugs], [[], []]);
  },
);

test.serial(
  'staff without the rights of a superuser cannot destroy, and other users see nothing',
  async (t) => {
    if (executable === null) {
      return withoutBrowser(t);
    }
    const { world, service } = opened;
    await makeUser(world, 'site', 'guest');
    const context = await browser.newContext();
    t.teardown(() => context.close());
    const page = await context.newPage();
    await logInToConsole(page, { port: service.port, username: 'clerk' });
    await page.goto(`http://localhost:${service.port}/console/tenants/acme`);
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

test.serial(
  'an operator acts for a member of a tenant below a banner, until the operator stops',
  async (t) => {
    if (executable === null) {
      return withoutBrowser(t);
    }
    t.timeout(300_000);
    const { world, service } = opened;
    await makeUser(world, 'acme', 'boss', { isSuperuser: true });
    const context = await browser.newContext();
    t.teardown(() => context.close());
    const problems = watchProblems(context);
    const page = await context.newPage();
    await logInToConsole(page, { port: service.port, username: 'root' });
    await page.goto(`http://localhost:${service.port}/console/tenants/acme`);
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

test.serial(
  'texts that others wrote run nothing, and every page fits and has no finding of axe',
  async (t) => {
    if (executable === null) {
      return withoutBrowser(t);
    }
    t.timeout(300_000);
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
    const context = await browser.newContext({ bypassCSP: true });
    t.teardown(() => context.close());
    const page = await context.newPage();
    await page.goto(`http://localhost:${service.port}/console/login`);
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
      '/nowhere',
    ]) {
      await page.goto(`http://localhost:${service.port}/console${path}`);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.waitForLoadState('networkidle');
      faults.push(...(await findFaults(page, path.replace(/\/[0-9a-f-]{36}/, '/one'))));
      t.is(await page.evaluate('window.xss'), undefined, path);
    }
    await page.goto(`http://localhost:${service.port}/console/tenants/acme`);
    await press(page, 'Rename tenant');
    faults.push(...(await findFaults(page, 'dialog')));
    t.true((await page.content()).includes('onerror'), 'the texts are shown');
    t.is(await page.evaluate('window.xss'), undefined);
    t.deepEqual(faults, []);
  },
);
