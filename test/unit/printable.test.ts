import { styleText } from 'node:util';
import test from 'ava';

import { printable, printableLines } from '../../src/cli/framework/printable.ts';
import { resultTable } from '../../src/cli/framework/result-table.ts';
import { parseTenantName } from '../../src/tenancy/registry/tenant.ts';

const HOSTILE = [
  ['\u001b[2J\u001b[1;1H', '\\u001b[2J\\u001b[1;1H'],
  ['\u001b]0;title\u0007', '\\u001b]0;title\\u0007'],
  ['\u001b]8;;https://evil.example\u001b\\here', '\\u001b]8;;https://evil.example\\u001b\\here'],
  ['\u009b31m', '\\u009b31m'],
  ['a\rb', 'a\\rb'],
  ['a\bb\u007f', 'a\\u0008b\\u007f'],
  ['a\u202eb\u2066c\u200fd\u061c', 'a\\u202eb\\u2066c\\u200fd\\u061c'],
  ['a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
  ['a\0b', 'a\\u0000b'],
] as const;

for (const [given, expected] of HOSTILE) {
  test(`escapes ${expected}`, (t) => {
    t.is(printable(given), expected);
    t.is(printableLines(given), expected);
  });
}

test('prints ordinary text unchanged, and line breaks only where lines are printed', (t) => {
  const text = 'Ærøskøbing 🐘 名前 فارسی \\n';
  t.is(printable(text), text);
  t.is(printableLines(`${text}\n\t${text}`), `${text}\n\t${text}`);
  t.is(printable('a\nb\tc'), 'a\\nb\\tc');
});

test('keeps the styles of this program, and no other escape sequence', (t) => {
  const red = styleText('red', 'wrong', { validateStream: false });
  t.true(red.includes('\u001b'));
  t.is(printableLines(`${red}\u001b[2J`), `${red}\\u001b[2J`);
});

test('escaped JSON is valid and has the same values', (t) => {
  const values = { name: HOSTILE.map(([given]) => given).join('') };
  const line = printableLines(JSON.stringify(values));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none is left
  t.notRegex(line, /[\u0000-\u001f\u007f-\u009f\u202e]/);
  t.deepEqual(JSON.parse(line), values);
});

test('a table cell cannot start a line', (t) => {
  const table = resultTable({
    columns: [{ name: 'na\nme' }] as never,
    rows: [{ 'na\nme': 'a\n\u001b[2Jb' }],
  });
  t.deepEqual(table.split('\n').at(-1)?.trim(), 'a\\n\\u001b[2Jb');
  t.regex(table, /na\\nme/);
});

for (const name of [
  'a\nb',
  'a\u001b[2J',
  'a\rb',
  'a\u0085b',
  'a\u2028b',
  'a\0b',
  '',
  '   ',
  'x'.repeat(256),
]) {
  test(`rejects the tenant name ${JSON.stringify(name.slice(0, 12))}`, (t) => {
    t.throws(() => parseTenantName(name), { code: 'usage_invalid' } as never);
  });
}

test('accepts a tenant name in any script', (t) => {
  t.is(parseTenantName(' Ærøskøbing 名前 🐘 '), 'Ærøskøbing 名前 🐘');
});
