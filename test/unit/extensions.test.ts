import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';

import { EXTENSIONS } from '../../src/tenancy/registry/project.ts';

test('the extensions that an app can declare are those of sql/extensions.txt', async (t) => {
  const text = await readFile(path.resolve(import.meta.dirname, '../../sql/extensions.txt'), 'utf8');
  const listed = [...text.matchAll(/^extension (\S+)$/gm)].map(([, name]) => name);
  t.deepEqual(listed, [...EXTENSIONS]);
  const withFunctions = [...text.matchAll(/^function (\S+) \S+$/gm)].map(([, name]) => name ?? '');
  t.true(withFunctions.every((name) => listed.includes(name)));
});
