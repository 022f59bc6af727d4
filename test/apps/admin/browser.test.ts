/** Run alone: node_modules/.bin/node test/run.ts test/apps/admin/browser.test.ts */
import path from 'node:path';
import test from 'ava';
import type { Locator, Page } from 'playwright-core';

import { buildConsole } from '../../../scripts/build-console.ts';
import { createBrowserTest } from '../../helpers/browser-tests.ts';
import { findChromium, findFaults } from '../../helpers/chromium.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

const testInBrowser = createBrowserTest(test);
/** A value that would run a script if a page inserted it as HTML. */
const SCRIPT = '<img src=x onerror="document.title=\'run\'">';

let world: World;
let service: TestService;
test.before(async () => {
  if (findChromium() !== null) {
    await buildConsole(path.resolve(import.meta.dirname, '../../../dist/console'));
    world = await openWorld({ project });
    await makeUser(world, 'acme', 'owner', { isSuperuser: true });
    await world.asOwner(`insert into globex.authors (name) values ('Author of globex')`);
    service = await serve(world);
  }
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const heading = (page: Page, name: string | RegExp): Promise<void> =>
  page.getByRole('heading', { level: 1, name }).waitFor();

/** Chooses an option of a select by its label. */
async function choose(page: Page, select: Locator, search: string, option: string): Promise<void> {
  await select.click();
  await select.fill(search);
  await page.getByRole('option', { name: option, exact: true }).click();
}

testInBrowser(
  "a tenant's owner manages users, and rows of a model that an app declares",
  async (t, browser) => {
    const context = await browser.newContext({ reducedMotion: 'reduce' });
    const page = await context.newPage();
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      // Rejected requests are part of the test.
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) {
        problems.push(message.text());
      }
    });
    const link = (name: string | RegExp) => page.getByRole('link', { name, exact: true });
    const button = (name: string) => page.getByRole('button', { name, exact: true });

    await page.goto(`http://acme.localhost:${service.port}/console/`);
    await page.getByLabel('Username').fill('owner');
    await page.getByLabel('Password').fill(PASSWORD);
    await button('Log in').click();
    await heading(page, 'acme');
    await page.getByText('Newest events').waitFor();
    t.deepEqual(await findFaults(page, 'admin-overview'), []);

    await link('Users').click();
    await button('Add user').click();
    await heading(page, 'Add user');
    await button('Add').click();
    await page.getByText('This field may not be blank.').first().waitFor();
    t.deepEqual(await findFaults(page, 'admin-new user with errors'), []);
    await page.getByLabel('Username').fill('new.user');
    await page.getByLabel('E-mail').fill('new@example.com');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('switch', { name: 'Staff' }).focus();
    await page.keyboard.press('Space');
    await button('Add').click();
    await heading(page, 'new.user');
    t.deepEqual(await findFaults(page, 'admin-user'), []);
    await page.getByLabel('First name').fill(SCRIPT);
    await button('Save').click();
    await page.getByText('The user was saved.').waitFor();
    const permissions = page.getByRole('region', { name: 'Permissions' });
    await permissions.getByText('library.view_loans').click();
    await button('Save permissions').click();
    await page.getByText('The permissions were saved.').waitFor();
    t.deepEqual(await findFaults(page, 'admin-user with permissions'), []);
    await button('Deactivate').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Deactivate' }).click();
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await button('Activate').waitFor();
    t.deepEqual(
      await world.asOwner(
        `select username, first_name, is_staff, is_active, permissions from acme.users where id > 1`,
      ),
      [
        {
          username: 'new.user',
          first_name: SCRIPT,
          is_staff: true,
          is_active: false,
          permissions: ['library.view_loans'],
        },
      ],
    );
    await link('All users').click();
    await page.getByRole('searchbox', { name: 'Search' }).fill('NEW.');
    await page.getByText('1 user', { exact: true }).waitFor();
    t.deepEqual(await findFaults(page, 'admin-users'), []);

    await link('Authors').click();
    await page.getByText('There are no authors yet.').waitFor();
    t.deepEqual(await findFaults(page, 'admin-no rows'), []);
    await button('Add author').click();
    await page.getByLabel('Name').fill(SCRIPT);
    await button('Add').click();
    await link(SCRIPT).waitFor();

    await link('Books').click();
    await button('Add book').click();
    await heading(page, 'Add book');
    await button('Add').click();
    await page
      .getByText('This field may not be blank.')
      .or(page.getByText('This field is required.'))
      .first()
      .waitFor();
    t.deepEqual(await findFaults(page, 'admin-new row with errors'), []);
    await page.getByLabel('Title').fill('Walden');
    await choose(page, page.getByRole('combobox', { name: 'Author' }), 'img', SCRIPT);
    await choose(page, page.getByRole('combobox', { name: 'Added by' }), 'own', 'owner');
    await page.getByRole('combobox', { name: 'Author' }).click();
    t.is(await page.getByRole('option', { name: /globex/ }).count(), 0);
    await page.keyboard.press('Escape');
    await page.getByLabel('Price').fill('9.5');
    await page.getByLabel('Published on').fill('1854-08-09');
    await button('Add').click();
    await link('Walden').waitFor();
    t.deepEqual(await findFaults(page, 'admin-rows'), []);

    await link('Walden').click();
    await heading(page, 'Walden');
    t.deepEqual(await findFaults(page, 'admin-row'), []);
    await page.getByLabel('Title').fill('Walden; or, Life in the Woods');
    await page.getByLabel('Summary').fill('A pond.');
    await button('Save').click();
    await heading(page, 'Walden; or, Life in the Woods');
    t.deepEqual(await world.asOwner(`select title, summary, price, added_by from acme.books`), [
      { title: 'Walden; or, Life in the Woods', summary: 'A pond.', price: '9.50', added_by: '1' },
    ]);
    await world.asOwner(`update acme.books set summary = 'Changed meanwhile.'`);
    await page.getByLabel('Title').fill('Lost');
    await button('Save').click();
    await page.getByText('The object was changed since you read it.').waitFor();
    t.deepEqual(await findFaults(page, 'admin-row that has changed'), []);
    await button('Discard and reload').click();
    await page.getByText('Changed meanwhile.').or(page.locator('textarea')).first().waitFor();
    await link('All books').click();
    await page.getByRole('searchbox', { name: 'Search' }).fill('nothing like it');
    await page.getByText('No books match.').waitFor();
    await button('Remove filters').click();
    await link('Walden; or, Life in the Woods').click();
    await button('Delete').click();
    await page.getByRole('dialog').waitFor();
    t.deepEqual(await findFaults(page, 'admin-deletion'), []);
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('There are no books yet.').waitFor();

    for (const [name, text] of [
      ['Audit', 'Delete row'],
      ['Domains', 'acme.localhost'],
      ['Settings', 'USERS_LIMIT'],
      ['Plan', 'This workspace has no plan.'],
      ['Your sessions', 'This session'],
    ] as const) {
      await link(name).click();
      await page.getByText(text).first().waitFor();
      t.deepEqual(await findFaults(page, `admin-${name}`), []);
    }
    t.not(await page.title(), 'run');
    t.deepEqual(problems, []);
    t.deepEqual(service.bugs, []);
  },
);
