import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';

import { assertNodeVersion, loadProject } from '../../src/load-project.ts';

let root: string;
test.before(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'koa-tenants-project-'));
});
test.after.always(() => rm(root, { recursive: true, force: true }));

async function writeFolder(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  for (const [file, text] of Object.entries(files)) {
    const target = path.join(root, name, file);
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, text);
  }
  return path.join(root, name);
}

const exporting = (name: string): string =>
  `export const project: { apps: { name: string }[] } = { apps: [{ name: '${name}' }] };\n`;
const invalid = (message: RegExp) => ({ code: 'configuration_invalid', message }) as never;

test('loads the default file, and a file named in package.json first', async (t) => {
  const usual = await writeFolder('usual', {
    'package.json': JSON.stringify({ type: 'module' }),
    'src/project.ts': exporting('usual'),
  });
  t.is((await loadProject(usual)).apps[0]?.name, 'usual');

  const named = await writeFolder('named', {
    'package.json': JSON.stringify({ type: 'module', 'koa-tenants': { project: './server/tenants.ts' } }),
    'src/project.ts': exporting('usual'),
    'server/tenants.ts': exporting('named'),
  });
  t.is((await loadProject(named)).apps[0]?.name, 'named');
});

test('rejects a folder without a project, with the fix', async (t) => {
  const empty = await writeFolder('empty', { 'package.json': '{}' });
  await t.throwsAsync(
    () => loadProject(empty),
    invalid(/^No project found in .*empty\. It must be the export .*defineProject\(/s),
  );

  const missing = await writeFolder('missing', {
    'package.json': JSON.stringify({ 'koa-tenants': { project: './gone.ts' } }),
  });
  await t.throwsAsync(() => loadProject(missing), invalid(/^The file \.\/gone\.ts does not exist/));

  const other = await writeFolder('other', {
    'package.json': '{}',
    'project.ts': 'export const settings = 1;\n',
  });
  await t.throwsAsync(() => loadProject(other), invalid(/project\.ts must export `project`/));

  const broken = await writeFolder('broken', { 'package.json': '{ "koa-tenants": ' });
  await t.throwsAsync(() => loadProject(broken), invalid(/package\.json is not JSON/));

  const wrong = await writeFolder('wrong', { 'package.json': '{ "koa-tenants": "./project.ts" }' });
  await t.throwsAsync(() => loadProject(wrong), invalid(/"koa-tenants" must be an object/));
});

test('rejects the folder src/ of a project', async (t) => {
  const source = await writeFolder('inside/src', { 'project.ts': exporting('inside') });
  await t.throwsAsync(
    () => loadProject(source),
    invalid(/^No package\.json found in .*src\. Run the command in/),
  );
});

test('rejects a version of Node that is too old', (t) => {
  t.notThrows(() => assertNodeVersion('24.0.0'));
  t.throws(
    () => assertNodeVersion('20.20.2'),
    invalid(/^koa-tenants requires Node 24 or later\. This is Node 20\.20\.2\.$/),
  );
});

test('names the file, the line and the cause when the project cannot be loaded', async (t) => {
  for (const [index, [text, message]] of [
    [
      "import './gone.ts';",
      /project\.ts: Error: Cannot find module '.*gone\.ts' imported from .*project\.ts\.$/,
    ],
    ["import 'koa-tenantz';", /Cannot find package 'koa-tenantz' imported from .*project\.ts\.$/],
    [
      "import { b } from './a.ts';\nexport const project = b;",
      /'\.\/a\.ts' does not provide an export named 'b' \(.*project\.ts, line 1\)\.$/,
    ],
    ['\nconst x = ;', /SyntaxError: Expression expected \(.*src\/project\.ts, line 2\)\.$/],
    ["\nimport './broken.ts';", /SyntaxError: .* \(.*src\/broken\.ts, line 2\)\.$/],
    ["throw new TypeError('No name.');", /project\.ts: TypeError: No name\. \(.*project\.ts, line 1\)\.$/],
    ["throw 'text';", /project\.ts: text\.$/],
  ].entries() as ArrayIterator<[number, [string, RegExp]]>) {
    const folder = await writeFolder(`fails${index}`, {
      'package.json': '{ "type": "module" }',
      'src/project.ts': text,
      'src/a.ts': 'export const a = 1;\n',
      'src/broken.ts': '\nx x',
    });
    await t.throwsAsync(() => loadProject(folder), {
      code: 'project_invalid',
      message,
    } as never);
  }
});
