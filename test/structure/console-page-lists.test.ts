/** Run alone: node_modules/.bin/node test/run.ts test/structure/console-page-lists.test.ts */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';

import { assertPageListsAreFound } from '../../scripts/console-page-lists.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const LIST = `import type { ConsolePage } from '../router/pages';

export const pages: readonly ConsolePage[] = [];
`;
const IGNORED = (file: string): string =>
  `The console would not have the pages of ${file}. Move them to console/src/<subject>/pages.ts: the console reads a file pages.ts of each folder of console/src, except router.`;

async function plant(t: ExecutionContext, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'koa-tenants-console-'));
  t.teardown(() => rm(folder, { recursive: true }));
  for (const [file, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await writeFile(path.join(folder, file), text);
  }
  return folder;
}

test('finds every list of pages of this repository', (t) => {
  t.notThrows(() => assertPageListsAreFound(ROOT));
});

test('accepts lists in folders of console/src, and files that are no lists', async (t) => {
  const folder = await plant(t, {
    'console/src/rooms/pages.ts': LIST,
    'console/src/halls/pages.ts': 'const pages = [];\nexport { pages };\n',
    'console/src/layout/menu.ts': `import type { ConsolePage } from '../router/pages';\nexport const titleOf = ({ title }: ConsolePage) => title;\n`,
    'console/src/api/generated/pages.ts': 'export type Pages = 1;\n',
    'console/node_modules/other/pages.ts': 'export const pages = [];\n',
    'src/apps/rooms/pages.ts': 'export const pages = (): string => "/rooms";\n',
  });
  t.notThrows(() => assertPageListsAreFound(folder));
});

for (const file of [
  'console/pages.ts',
  'console/rooms/pages.ts',
  'console/src/pages.ts',
  'console/src/rooms/admin/pages.ts',
  'console/src/rooms/pages.js',
  'console/src/rooms/Pages.ts',
  'console/src/rooms/room-pages.ts',
  'console/src/rooms.ts',
  'console/src/router/room-pages.ts',
  'src/apps/rooms/pages.ts',
  'src/apps/rooms/console/pages.ts',
]) {
  test(`rejects ${file}`, async (t) => {
    const folder = await plant(t, { [file]: LIST });
    t.throws(() => assertPageListsAreFound(folder), {
      message: IGNORED(file),
      code: 'project_invalid',
    } as never);
  });
}

test('rejects a list without the export `pages`', async (t) => {
  const folder = await plant(t, { 'console/src/rooms/pages.ts': LIST.replace('const pages', 'const rooms') });
  t.throws(() => assertPageListsAreFound(folder), {
    message: 'console/src/rooms/pages.ts does not export "pages", so the console would not have its pages.',
  });
});

test('npm run console prints one sentence and exits with 1', async (t) => {
  const folder = await plant(t, { 'console/src/pages.ts': LIST, 'package.json': '{ "type": "module" }' });
  for (const file of ['scripts/build-console.ts', 'scripts/console-page-lists.ts', 'src/errors.ts']) {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await copyFile(path.join(ROOT, file), path.join(folder, file));
  }
  const failed = await t.throwsAsync<Error & { code: number; stdout: string; stderr: string }>(
    promisify(execFile)(process.execPath, ['scripts/build-console.ts'], { cwd: folder }),
  );
  t.deepEqual([failed.code, failed.stdout, failed.stderr], [1, '', `${IGNORED('console/src/pages.ts')}\n`]);
});
