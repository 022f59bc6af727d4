import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';

import { TENANCY_SQLSTATE } from '../../src/db/sqlstate.ts';
import { API_ERRORS, OPERATOR_ERRORS } from '../../src/errors.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** Returns the cells of the rows below a heading of docs/errors.md, without the two rows of the header. */
async function tableBelow(heading: string): Promise<readonly (readonly string[])[]> {
  const text = await readFile(path.join(ROOT, 'docs/errors.md'), 'utf8');
  const [, section = ''] = text.split(`## ${heading}\n`);
  return (section.split('\n## ')[0] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

const codesIn = (cell: string | undefined): readonly string[] =>
  [...(cell ?? '').matchAll(/`([a-z_]+)`/g)].map(([, code = '']) => code);

test('docs/errors.md lists every code that a client can receive, with its status', async (t) => {
  const rows = await tableBelow('Codes that a client sees');
  const documented = rows.flatMap(([codes, status]) => codesIn(codes).map((code) => [code, Number(status)]));
  const expected = Object.entries(API_ERRORS).filter(([, status]) => status !== 500);
  // The response of /readyz is not an error.
  t.deepEqual(
    Object.fromEntries(documented.filter(([code]) => code !== 'stopping')),
    Object.fromEntries(expected),
  );
});

test('docs/errors.md lists every code of the command line and the log, with its exit code', async (t) => {
  const rows = await tableBelow('Codes of the command line and of the log');
  const documented = rows.flatMap(([codes, exit]) => codesIn(codes).map((code) => [code, exit]));
  const bugs = Object.entries(API_ERRORS).filter(([, status]) => status === 500);
  t.deepEqual(
    Object.fromEntries(documented),
    Object.fromEntries([
      ...Object.entries(OPERATOR_ERRORS).map(([code, exit]) => [code, String(exit)]),
      ...bugs.map(([code]) => [code, '-']),
    ]),
  );
});

/** The classes of SQLSTATEs of PostgreSQL, and KT for the engine's own. */
const CLASSES = '0[0-3]|0[89ABFLPZ]|10|2[0-8]|2[BDF]|34|3[89BDF]|40|42|44|5[34578]|72|F0|HV|P0|XX|KT';
const LITERAL = new RegExp(`['"\`|(^](?:${CLASSES})[0-9A-Z]{3}(?=['"\`|)$])`);

/** Returns the places of bare SQLSTATEs in code, as `line: text`. Comments may name them. */
const bareStates = (text: string): readonly string[] =>
  text
    .split('\n')
    .flatMap((line, index) =>
      LITERAL.test(line) && !/^\s*(?:\*|\/\/|\/\*\*)/.test(line) ? [`${index + 1}: ${line.trim()}`] : [],
    );

test('finds a bare SQLSTATE in each form', (t) => {
  for (const line of [
    `if (error.code === '55P03') {`,
    `const S = new Set(["40001", x]);`,
    'case `KT004`:',
    'const UNDEFINED = /^(?:3F000|42P01)$/;'.replace('?:', ''),
  ]) {
    t.is(bareStates(line).length, 1, line);
  }
  for (const line of [
    ` * \`KT004\` is thrown`,
    `hasSqlState(error, SQLSTATE.LOCK_NOT_AVAILABLE)`,
    `POOL_TIMEOUT: '60000'`,
    `algorithm: 'HS256'`,
  ]) {
    t.deepEqual(bareStates(line), [], line);
  }
});

test('docs/errors.md lists every SQLSTATE of the engine', async (t) => {
  const rows = await tableBelow('SQLSTATEs of koa-tenants');
  t.deepEqual(
    rows.map(([state]) => state?.replaceAll('`', '')),
    Object.values(TENANCY_SQLSTATE),
  );
});

test('SQLSTATEs are named constants of src/db/sqlstate.ts', async (t) => {
  const found: string[] = [];
  let files = 0;
  for await (const file of glob('src/**/*.ts', { cwd: ROOT })) {
    files += 1;
    if (file !== path.join('src', 'db', 'sqlstate.ts')) {
      const text = await readFile(path.join(ROOT, file), 'utf8');
      found.push(...bareStates(text).map((place) => `${file}:${place}`));
    }
  }
  t.true(files > 300);
  t.deepEqual(found, []);
});
