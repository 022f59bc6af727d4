import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';

/** What the arrows of docs/architecture.md allow: down, or to a neighbour of the same layer. */
const LAYERS = ['errors', 'db', 'tenancy', 'http', 'definition', 'apps', 'wiring', 'entry'] as const;
type Layer = (typeof LAYERS)[number];

type Import = Readonly<{ from: string; names: string; typesOnly: boolean }>;
type Sources = Readonly<Record<string, string>>;

const ENTRIES = ['main.ts', 'cli.ts'];

function layerOf(file: string): Layer | 'config' {
  if (ENTRIES.includes(file)) {
    return 'entry';
  }
  if (file === 'errors.ts') {
    return 'errors';
  }
  const [folder] = file.split('/');
  // Apps bring commands of their own.
  if (folder === 'definition' || file.startsWith('cli/framework/')) {
    return 'definition';
  }
  if (folder === 'config') {
    return 'config';
  }
  return folder === 'db' || folder === 'tenancy' || folder === 'http' || folder === 'apps'
    ? folder
    : 'wiring';
}

const rank = (layer: Layer): number => LAYERS.indexOf(layer);

/** The app that a file belongs to; null outside src/apps/ and for the list of all apps. */
const appOf = (file: string): string | null => /^apps\/([^/]+)\//.exec(file)?.[1] ?? null;

function importsOf(text: string): Import[] {
  const statements = text.matchAll(
    /^\s*(?:import|export)\s+(?:(type)\s+)?(?:([^'";]*?)\s+from\s+)?(['"])([^'"\n]+)\3/gm,
  );
  const calls = text.matchAll(/\bimport\(\s*(['"`])([^'"`]+)\1/g);
  return [
    ...[...statements].map(([, type, names = '', , from = '']) => {
      const listed = /^\{([^}]*)\}$/.exec(names.trim())?.[1]?.split(',') ?? [];
      const each = listed.map((name) => name.trim()).filter(Boolean);
      const typesOnly =
        type !== undefined || (each.length > 0 && each.every((name) => name.startsWith('type ')));
      return { from, names, typesOnly };
    }),
    ...[...calls].map(([, , from = '']) => ({ from, names: '*', typesOnly: false })),
  ];
}

/** The text without comments, literals and regular expressions; what stands in `${}` stays. */
function codeOf(text: string): string {
  const skip =
    /\/\*[\s\S]*?\*\/|\/\/.*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|(?<=(?:^|[(,=:[!&|?{};\n]|=>|\breturn)\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;
  const template = /(?:\\[\s\S]|\$(?!\{)|[^`\\$])*(`|\$\{)/y;
  const depths: number[] = [];
  let depth = 0;
  let code = '';
  for (let at = 0; at < text.length; ) {
    const character = text[at] ?? '';
    const closes = character === '}' && depths.at(-1) === depth;
    if (character === '`' || closes) {
      if (closes) {
        depths.pop();
      }
      template.lastIndex = at + 1;
      if (template.exec(text)?.[1] === '${') {
        depths.push(depth);
      }
      code += ' ';
      at = template.lastIndex || text.length;
      continue;
    }
    skip.lastIndex = at;
    const skipped = skip.exec(text)?.[0].length ?? 0;
    if (skipped > 0) {
      code += ' ';
      at += skipped;
      continue;
    }
    depth += character === '{' ? 1 : character === '}' ? -1 : 0;
    code += character;
    at += 1;
  }
  return code;
}

function faultOfRelative(file: string, { from, typesOnly }: Import): string | null {
  const target = path.posix.join(path.posix.dirname(file), from);
  if (target.startsWith('../')) {
    return 'leaves src/';
  }
  const here = layerOf(file);
  const there = layerOf(target);
  if (there === 'entry') {
    return 'nobody imports an entry point';
  }
  if (there === 'config') {
    const mayRead = ['entry', 'wiring', 'definition', 'config'].includes(here);
    const mayName = typesOnly && (here === 'http' || here === 'apps');
    return mayRead || mayName ? null : 'the environment is read at the top, once';
  }
  if (here === 'config') {
    return rank(there) <= rank('tenancy') ? null : 'the configuration knows nothing above tenancy';
  }
  if (here === 'errors') {
    return 'errors.ts imports nothing';
  }
  if (rank(there) > rank(here)) {
    return `the arrows point from ${there} to ${here}`;
  }
  const [ours, theirs] = [appOf(file), appOf(target)];
  if (here === 'apps' && there === 'apps' && ours && ours !== theirs) {
    return theirs ? `apps do not know each other` : 'the list of apps knows the apps, and not they it';
  }
  return null;
}

const isKoa = (name: string): boolean => /^(koa$|koa-|@koa\/|@types\/koa)/.test(name);

/** Files that may open connections of their own. */
const OPENS_CONNECTIONS = /^(db|tenancy|attacks|dev)\/|^http\/rate-limit\/throttle-store\.ts$/;

function faultOfPackage(file: string, { from, names, typesOnly }: Import): string | null {
  const layer = layerOf(file);
  if (/^(node:)?process$/.test(from)) {
    return ENTRIES.includes(file) ? null : 'only main.ts and cli.ts touch the process';
  }
  if (layer === 'errors') {
    return 'errors.ts imports nothing';
  }
  if (isKoa(from) && (layer === 'db' || layer === 'tenancy')) {
    return `${layer} knows no Koa`;
  }
  if (OPENS_CONNECTIONS.test(file)) {
    return null;
  }
  if (/^pg($|[-/])/.test(from) || from.startsWith('@slonik/')) {
    // A command hands connection settings through, and their type is pg's.
    return typesOnly && (layer === 'wiring' || layer === 'definition')
      ? null
      : 'only db and tenancy know the driver';
  }
  if (
    from === 'slonik' &&
    !typesOnly &&
    (/\bcreate(Pool|DriverFactory)\b/.test(names) || !names.includes('{'))
  ) {
    return 'only db and tenancy open pools';
  }
  return null;
}

/** Every broken rule, as `file: what`, for sources by their path below src/. */
function faultsOf(sources: Sources): string[] {
  const faults: string[] = [];
  for (const [file, text] of Object.entries(sources)) {
    if (/(^|\/)utils?(\/|\.)/.test(file)) {
      faults.push(`${file}: a name that says nothing`);
    }
    for (const found of importsOf(text)) {
      const fault = found.from.startsWith('.') ? faultOfRelative(file, found) : faultOfPackage(file, found);
      if (fault) {
        faults.push(`${file} imports ${found.from}: ${fault}`);
      }
    }
    if (!ENTRIES.includes(file) && /(?<![\w$.#-])process(?![\w$]|\s*:(?!:)|\()/.test(codeOf(text))) {
      faults.push(`${file}: only main.ts and cli.ts touch the process`);
    }
  }
  return faults;
}

const SRC = path.resolve(import.meta.dirname, '../../src');

async function readSources(): Promise<Sources> {
  const entries = await readdir(SRC, { recursive: true });
  const files = entries.filter((file) => file.endsWith('.ts')).sort();
  return Object.fromEntries(
    await Promise.all(
      files.map(async (file) => [
        file.split(path.sep).join('/'),
        await readFile(path.join(SRC, file), 'utf8'),
      ]),
    ),
  );
}

test('the import lines of src/ keep to the arrows', async (t) => {
  const sources = await readSources();
  t.true(Object.keys(sources).length > 20);
  t.deepEqual(faultsOf(sources), []);
});

test('all import lines are seen', async (t) => {
  for (const [file, text] of Object.entries(await readSources())) {
    const ends = text.match(/^(?:import\b.*|\} )from '[^']+';$/gm)?.length ?? 0;
    t.true(importsOf(text).length >= ends, `${file}: ${ends}`);
  }
});

const OFFENDERS: ReadonlyArray<readonly [file: string, text: string, what: RegExp]> = [
  ['db/pool.ts', `import { tenantId } from '../tenancy/tenant.ts';`, /the arrows point from tenancy to db/],
  ['db/pool.ts', `import type { TenantId } from '../tenancy/tenant.ts';`, /the arrows/],
  ['db/pool.ts', `export { tenantId } from '../tenancy/tenant.ts';`, /the arrows/],
  ['db/pool.ts', `export * from '../tenancy/tenant.ts';`, /the arrows/],
  ['db/pool.ts', `import '../tenancy/tenant.ts';`, /the arrows/],
  ['db/pool.ts', `const x = await import('../tenancy/tenant.ts');`, /the arrows/],
  ['db/pool.ts', `import {\n  a,\n  type B,\n} from '../tenancy/tenant.ts';`, /the arrows/],
  ['tenancy/tenant.ts', `import { page } from '../http/page.ts';`, /the arrows point from http to tenancy/],
  [
    'http/page.ts',
    `import { routes } from '../apps/projects/routes.ts';`,
    /the arrows point from apps to http/,
  ],
  [
    'apps/projects/routes.ts',
    `import { buildApp } from '../../server/app.ts';`,
    /the arrows point from wiring to apps/,
  ],
  ['apps/projects/routes.ts', `import { x } from '../accounts/queries.ts';`, /apps do not know each other/],
  [
    'apps/projects/routes.ts',
    `import type { X } from '../accounts/queries.ts';`,
    /apps do not know each other/,
  ],
  ['apps/projects/routes.ts', `import { apps } from '../index.ts';`, /the list of apps/],
  ['cli/migrate.ts', `import { x } from '../main.ts';`, /entry point/],
  ['main.ts', `import { x } from './cli.ts';`, /entry point/],
  ['tenancy/tenant.ts', `import type { Config } from '../config/config.ts';`, /the environment/],
  ['http/page.ts', `import { readConfig } from '../config/config.ts';`, /the environment/],
  ['http/page.ts', `import { type Config, readConfig } from '../config/config.ts';`, /the environment/],
  ['config/config.ts', `import { page } from '../http/page.ts';`, /nothing above tenancy/],
  ['errors.ts', `import { z } from 'zod';`, /imports nothing/],
  ['errors.ts', `import { x } from './db/pool.ts';`, /imports nothing/],
  ['tenancy/tenant.ts', `import type { Context } from 'koa';`, /tenancy knows no Koa/],
  ['tenancy/tenant.ts', `import Router from '@koa/router';`, /tenancy knows no Koa/],
  ['db/pool.ts', `import jwt from 'koa-jwt';`, /db knows no Koa/],
  ['apps/projects/queries.ts', `import pg from 'pg';`, /only db and tenancy/],
  ['apps/projects/queries.ts', `import type pg from 'pg';`, /only db and tenancy/],
  ['cli/check.ts', `import pg from 'pg';`, /only db and tenancy/],
  ['apps/projects/queries.ts', `import { createPool, sql } from 'slonik';`, /open pools/],
  ['apps/projects/queries.ts', `import * as slonik from 'slonik';`, /open pools/],
  ['cli/check.ts', `import { createPool } from 'slonik';`, /open pools/],
  ['http/page.ts', `import '../../test/helpers/world.ts';`, /leaves src/],
  ['http/page.ts', `import { env } from 'node:process';`, /touch the process/],
  ['http/page.ts', 'const x = process.env.X;', /touch the process/],
  ['http/page.ts', 'const { env } = process;', /touch the process/],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a file
  ['http/page.ts', 'const x = `a ${process.pid} b`;', /touch the process/],
  ['http/page.ts', `const x = /['"]/; process.exit();`, /touch the process/],
  ['http/page.ts', `globalThis.x = [process];`, /touch the process/],
  ['http/utils.ts', '', /says nothing/],
  ['utils/page.ts', '', /says nothing/],
];

for (const [file, text, what] of OFFENDERS) {
  test(`a planted offender is seen: ${file} with ${JSON.stringify(text)}`, (t) => {
    const faults = faultsOf({ [file]: text });
    t.is(faults.length, 1, faults.join('; '));
    t.regex(faults[0] ?? '', what);
  });
}

const ALLOWED: ReadonlyArray<readonly [file: string, text: string]> = [
  ['main.ts', `import { readConfig } from './config/config.ts';\nreadConfig(process.env);`],
  ['cli.ts', `import process from 'node:process';`],
  ['cli/migrate.ts', `import { readConfig } from '../config/config.ts';`],
  ['cli/migrate.ts', `import type pg from 'pg';`],
  [
    'server/app.ts',
    `import { apps } from '../apps/index.ts';\nimport type { Config } from '../config/config.ts';`,
  ],
  [
    'apps/index.ts',
    `import { routes } from './projects/routes.ts';\nimport { x } from './accounts/routes.ts';`,
  ],
  [
    'apps/projects/routes.ts',
    `import { x } from './queries.ts';\nimport type { Config } from '../../config/config.ts';`,
  ],
  ['apps/projects/queries.ts', `import { sql } from 'slonik';\nimport type { DatabasePool } from 'slonik';`],
  ['tenancy/registry.ts', `import type pg from 'pg';\nimport { x } from '../db/pool.ts';`],
  ['http/page.ts', `// the process goes on\n/* process.env */ const x = 'process.env' + "process";`],
  [
    'http/page.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a file
    'const x = `the process ${ { a: `the process` }.a } of the process`; const y = it.process;',
  ],
  ['http/page.ts', `const processed = subprocess;`],
];

for (const [file, text] of ALLOWED) {
  test(`what is allowed is let through: ${file} with ${JSON.stringify(text)}`, (t) => {
    t.deepEqual(faultsOf({ [file]: text }), []);
  });
}
