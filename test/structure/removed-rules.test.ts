import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';

const ROOT = join(import.meta.dirname, '../..');

/** A rule as `importWithout` takes it. */
const RULE = /file: '([^']+)',\s*from: (?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/g;

test('every rule that an attack removes is in the source', (t) => {
  const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
  let count = 0;
  for (const file of globSync('test/**/*.ts', { cwd: ROOT })) {
    for (const [, source = '', single, double = ''] of read(file).matchAll(RULE)) {
      const from = (single ?? double).replaceAll('\\n', '\n').replaceAll(/\\(.)/g, '$1');
      t.true(read(source).includes(from), `${file}: ${source} does not contain ${from}`);
      count += 1;
    }
  }
  // The pattern still matches the attacks of the engine. A team may delete apps, with their attacks.
  t.true(count > 5);
});
