/** The demo app in the console. Run alone: node_modules/.bin/node test/run.ts test/apps/projects/console.test.ts */
import path from 'node:path';
import test from 'ava';

import { buildConsole } from '../../../scripts/build-console.ts';
import { project } from '../../../src/project.ts';
import { createBrowserTest } from '../../helpers/browser-tests.ts';
import { makeUser, PASSWORD, serve } from '../../helpers/server.ts';
import { openWorld } from '../../helpers/world.ts';

const testInBrowser = createBrowserTest(test);

testInBrowser("a tenant's staff edit a project in the console", async (t, browser) => {
  await buildConsole(path.resolve(import.meta.dirname, '../../../dist/console'));
  const world = await openWorld({ project });
  t.teardown(world.close);
  await makeUser(world, 'acme', 'owner', { isSuperuser: true });
  await world.asOwner(`insert into acme.projects (name) values ('Rocket skates')`);
  const service = await serve(world);
  t.teardown(service.close);

  const page = await browser.newPage();
  await page.goto(`http://acme.localhost:${service.port}/console/models/projects.project`);
  await page.getByLabel('Username').fill('owner');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('link', { name: 'Rocket skates' }).click();
  await page.getByLabel('Name').fill('');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('This field may not be blank.').waitFor();
  await page.getByLabel('Name').fill('Rocket shoes');
  await page.getByLabel('Description').fill('Two lines.\nFor a coyote.');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { level: 1, name: 'Rocket shoes' }).waitFor();
  t.deepEqual(await world.asOwner('select name, description from acme.projects'), [
    { name: 'Rocket shoes', description: 'Two lines.\nFor a coyote.' },
  ]);
  await page.getByRole('link', { name: 'Plan', exact: true }).click();
  await page.getByRole('cell', { name: /Projects/ }).waitFor();
  t.deepEqual(service.bugs, []);
});
