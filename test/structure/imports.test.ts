/** Run alone: node_modules/.bin/node test/run.ts test/structure/imports.test.ts */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { cruise, type IConfiguration, type ICruiseResult } from 'dependency-cruiser';

const ROOT = path.resolve(import.meta.dirname, '../..');
const RULES = path.join(ROOT, '.dependency-cruiser.js');
const { default: rules } = (await import(RULES)) as { default: IConfiguration };

/** Every violation of .dependency-cruiser.js below `folder`, as `rule: from -> to`. */
async function violationsIn(folder: string): Promise<readonly string[]> {
  const { enhancedResolveOptions, ...options } = rules.options ?? {};
  const { output } = await cruise(
    ['src'],
    { ...options, baseDir: folder, validate: true, ruleSet: { forbidden: rules.forbidden ?? [] } },
    enhancedResolveOptions,
  );
  const { summary } = output as ICruiseResult;
  if (summary.totalCruised < 2) {
    throw new Error(`Only ${summary.totalCruised} files were read.`);
  }
  return summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
}

/** A folder with these files under src/, and this repository's packages. */
async function plant(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'koa-tenants-imports-'));
  await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  for (const [file, text] of Object.entries(files)) {
    const target = path.join(folder, 'src', file);
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, text);
  }
  return folder;
}

test('the imports of src/ follow the layers', async (t) => {
  t.deepEqual(await violationsIn(ROOT), []);
});

/** A file, what it imports, and the rule that rejects it. */
const REJECTED: ReadonlyArray<readonly [file: string, text: string, rule: RegExp]> = [
  ['db/a.ts', `import { x } from '../tenancy/registry/x.ts'; export const a = x;`, /^layer src\/db /],
  ['db/a.ts', `import type { X } from '../tenancy/registry/x.ts'; export type A = X;`, /^layer src\/db /],
  ['db/a.ts', `export * from '../tenancy/registry/x.ts';`, /^layer src\/db /],
  ['db/a.ts', `export const a = await import('../tenancy/registry/x.ts');`, /^layer src\/db /],
  [
    'tenancy/registry/a.ts',
    `import { x } from '../context/x.ts'; export const a = x;`,
    /^layer src\/tenancy\/registry /,
  ],
  [
    'tenancy/migrations/a.ts',
    `import { x } from '../lifecycle/x.ts'; export const a = x;`,
    /^layer src\/tenancy\/migrations /,
  ],
  ['tenancy/fleet/a.ts', `import { x } from '../../attacks/x.ts'; export const a = x;`, /^layer .*fleet/],
  ['http/a.ts', `import { x } from '../apps/notes/x.ts'; export const a = x;`, /^layer src\/http /],
  ['apps/notes/a.ts', `import { x } from '../../server/x.ts'; export const a = x;`, /^layer .*apps/],
  ['server/a.ts', `import { x } from '../cli/x.ts'; export const a = x;`, /^layer src\/server /],
  ['cli/a.ts', `import { x } from '../main.ts'; export const a = x;`, /^layer src\/cli/],
  ['apps/notes/a.ts', `import { x } from '../tasks/x.ts'; export const a = x;`, /^apps do not import/],
  [
    'errors.ts',
    `import { z } from 'zod'; export const a = z;`,
    /^errors\.ts, counted\.ts and lazy-modules\.ts import nothing/,
  ],
  ['tenancy/context/a.ts', `import Koa from 'koa'; export const a = Koa;`, /do not use Koa/],
  ['db/a.ts', `import Router from '@koa/router'; export const a = Router;`, /do not use Koa/],
  ['apps/notes/a.ts', `import pg from 'pg'; export const a = pg;`, /open connections/],
  ['cli/a.ts', `import { x } from './missing.ts'; export const a = x;`, /every import resolves/],
];

test('each rule rejects its offender', async (t) => {
  for (const [file, text, rule] of REJECTED) {
    const specifier = /from '(\.[^']+)'|import\('(\.[^']+)'\)/.exec(text)?.slice(1).find(Boolean);
    const target = specifier ? path.posix.join(path.posix.dirname(file), specifier) : null;
    const folder = await plant({
      'cli/other.ts': 'export const other = 1;',
      ...(target && !target.includes('missing')
        ? { [target]: 'export const x = 1; export type X = 1;' }
        : {}),
      [file]: text,
    });
    const found = await violationsIn(folder);
    await rm(folder, { recursive: true });
    t.is(found.length, 1, `${file}: ${text}\n${found.join('\n')}`);
    t.regex(found[0] ?? '', rule);
  }
});

test('rejects import cycles', async (t) => {
  const folder = await plant({
    'db/a.ts': `import type { B } from './b.ts'; export type A = B | 1;`,
    'db/b.ts': `import type { A } from './a.ts'; export type B = A | 2;`,
  });
  const found = await violationsIn(folder);
  await rm(folder, { recursive: true });
  t.true(found.length > 0 && found.every((line) => line.startsWith('no import circles')));
});

const run = promisify(execFile);

test('only entry points access the process', async (t) => {
  const offenders = {
    'http/a.ts': 'export const x = process.env.X;\n',
    'http/b.ts': `import { env } from 'node:process';\nexport const x = env;\n`,
    'db/c.ts': 'export const x = (): number => process.pid;\n',
  };
  const folder = await plant({ ...offenders, 'main.ts': 'export const x = process.env.X;\n' });
  await copyFile(path.join(ROOT, 'biome.json'), path.join(folder, 'biome.json'));
  const { stdout } = await run(
    path.join(ROOT, 'node_modules/.bin/biome'),
    ['lint', '--colors=off', '--reporter=json', '--max-diagnostics=100'],
    { cwd: folder },
  ).catch((error: { stdout: string }) => error);
  await rm(folder, { recursive: true });
  const { diagnostics } = JSON.parse(stdout) as {
    diagnostics: ReadonlyArray<{ category: string; location: { path: string } }>;
  };
  const files = diagnostics
    .filter(({ category }) => /noRestricted(Globals|Imports)$/.test(category))
    .map(({ location }) => location.path.replace('src/', ''));
  t.deepEqual(files.sort(), Object.keys(offenders).sort());
});
