import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** Titles of the tests of a file. */
const titlesOf = (text: string): string[] =>
  [...text.matchAll(/^(?:test(?:\.serial)?|onSmallDisk)\(\s*(['"])(.+?)\1,/gm)].map(
    ([, , title]) => title ?? '',
  );

test('docs/reliability.md names only existing tests', async (t) => {
  const folder = path.join(ROOT, 'test/fault');
  const files = (await readdir(folder)).filter((file) => file.endsWith('.test.ts'));
  const texts = await Promise.all(files.map((file) => readFile(path.join(folder, file), 'utf8')));
  const titles = texts.flatMap(titlesOf);
  const docs = await readFile(path.join(ROOT, 'docs/reliability.md'), 'utf8');
  const named = [...docs.matchAll(/\*([^*\n]+)\*/g)].map(([, name]) => name ?? '');
  t.true(named.length >= 30);
  t.deepEqual(
    named.filter((name) => !titles.includes(name)),
    [],
  );
});
