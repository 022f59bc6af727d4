/** Run alone: node_modules/.bin/node test/run.ts test/dev/new-app.test.ts */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';

import { singularOf } from '../../src/dev/new-app/names.ts';
import { createApp } from '../../src/dev/new-app.ts';
import { fixtureProject } from '../fixture-app/project.ts';
import { checkTypes } from '../helpers/type-check.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const NOW = new Date('2026-12-24T01:02:03.004Z');

async function emptyFolder(): Promise<string> {
  return mkdtemp(path.join(tmpdir(), 'koa-tenants-new-app-'));
}

test('rejects invalid and taken names, and writes nothing', async (t) => {
  const folder = await emptyFolder();
  t.teardown(() => rm(folder, { recursive: true }));
  await mkdir(path.join(folder, 'src'));
  const text = `import { team } from './team.ts';\nexport const project = defineProject({ apps: [team] });\n`;
  await writeFile(path.join(folder, 'src/project.ts'), text);
  for (const [name, message] of [
    ['', /is not a valid app name/],
    ['Notes', /is not a valid app name/],
    ['a', /is not a valid app name/],
    ['time-entries', /is not a valid app name/],
    ['../notes', /is not a valid app name/],
    ['1notes', /is not a valid app name/],
    ['n'.repeat(41), /is not a valid app name/],
    ['order', /reserved word/],
    ['class', /reserved word/],
    ['user', /reserved word/],
    ['serializer', /reserved word/],
    ['fixture_notes', /has an app "fixture_notes"/],
    ['notes', /"fixture_notes" already has a table "notes"/],
    ['team', /uses the name "team"/],
  ] as const) {
    await t.throwsAsync(
      createApp(folder, name, fixtureProject, NOW),
      { code: 'usage_invalid', message } as never,
      name,
    );
  }
  t.deepEqual(await readdir(folder, { recursive: true }), ['src', 'src/project.ts']);
  t.is(await readFile(path.join(folder, 'src/project.ts'), 'utf8'), text);
});

test('type-checks an app of another repository that imports the package', async (t) => {
  t.timeout(300_000);
  const folder = await emptyFolder();
  t.teardown(() => rm(folder, { recursive: true }));
  await mkdir(path.join(folder, 'src'));
  await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  await writeFile(path.join(folder, 'package.json'), '{ "type": "module" }');
  await writeFile(
    path.join(folder, 'src/project.ts'),
    `import { accounts, defineProject, site } from 'koa-tenants';

export const project = defineProject({
  apps: [site, accounts],
  authentication: accounts.authentication,
});
`,
  );
  for (const name of ['boxes', 'status_texts', 'titles', 'queries']) {
    const { files, registered } = await createApp(folder, name, fixtureProject, NOW);
    t.true(registered);
    t.true(files.includes(`src/${name}/migrations/20261224010203004_${name}.ts`));
    await t.throwsAsync(createApp(folder, name, fixtureProject, NOW), { message: /already exists/ });
  }
  t.regex(
    await readFile(path.join(folder, 'src/project.ts'), 'utf8'),
    /apps: \[site, accounts, boxes, statusTexts, titles, queries\]/,
  );
  await writeFile(
    path.join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: path.join(ROOT, 'tsconfig.json'),
      compilerOptions: {
        noEmit: true,
        paths: {
          'koa-tenants': [path.join(ROOT, 'src/index.ts')],
          'koa-tenants/testing': [path.join(ROOT, 'src/testing/index.ts')],
        },
      },
      include: ['src', 'test'],
    }),
  );
  t.is(await checkTypes(folder), '');
});

test('gives a new migration a later time than all migrations of the project', async (t) => {
  const folder = await emptyFolder();
  t.teardown(() => rm(folder, { recursive: true }));
  const { app, registered } = await createApp(folder, 'later', fixtureProject, new Date(0));
  t.false(registered);
  t.is(app.time, '20260103000001000');
});

test('forms the singular of a name for a row', (t) => {
  const nouns = { notes: 'note', entries: 'entry', boxes: 'box', status: 'status', staff: 'staff' };
  for (const [plural, singular] of Object.entries(nouns)) {
    t.is(singularOf(plural), singular);
  }
});
