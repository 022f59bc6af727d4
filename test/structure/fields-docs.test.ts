import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';

const ROOT = path.resolve(import.meta.dirname, '../..');
const read = (file: string): Promise<string> => readFile(path.join(ROOT, file), 'utf8');
const codesIn = (cell = ''): readonly string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);

test('docs/fields.md lists each function with its module, and the package exports it', async (t) => {
  const index = await read('src/index.ts');
  const modules = new Map(
    [...index.matchAll(/export (?:type )?\{([^}]+)\} from '\.\/([^']+)'/g)].flatMap(
      ([, names = '', file = '']) =>
        names.split(',').map((name) => [name.replace('type ', '').trim(), file] as const),
    ),
  );
  const [, table = ''] = (await read('docs/fields.md')).split('| module | functions |\n|---|---|\n');
  const rows = (table.split('\n\n')[0] ?? '').split('\n').map((line) => line.split('|'));
  t.true(rows.length > 5);
  for (const [, files, names] of rows) {
    const named = codesIn(files).map((file) => path.basename(file));
    for (const name of codesIn(names).filter((code) => /^\w+$/.test(code))) {
      t.true(named.includes(path.basename(modules.get(name) ?? '')), `${name} is in ${modules.get(name)}`);
    }
  }
});
