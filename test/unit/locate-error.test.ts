import test from 'ava';

import { locateError } from '../../src/tenancy/migrations/locate-error.ts';

const FILE = '/apps/notes/sql/tags.sql';
const text = [
  '-- tags; of notes',
  "create table tags (id integer, note text default 'é😀;');",
  '',
  ';',
  'create function f() returns integer language sql begin atomic select 1; end;',
  'alter table notes',
  '  add column colour text',
].join('\n');
const pieces = [
  { text: 'set local search_path = acme; select tenancy.enter_owner(current_schema())', source: null },
  { text: `${text};`, source: { file: FILE, text } },
  { text: 'insert into history values (1)', source: null },
];
const joined = pieces.map((piece) => piece.text).join('\n;\n');

test('finds the failed statement by the number of statements before it', async (t) => {
  for (const [completed, line, statement] of [
    [2, 2, /^create table tags/],
    [3, 5, /^create function f/],
    [4, 6, /^alter table notes add column colour text$/],
  ] as const) {
    const location = await locateError(pieces, { position: null, completed });
    t.is(location?.file, FILE);
    t.is(location?.line, line);
    t.regex(location?.statement ?? '', statement);
  }
});

test('finds the line of a position, which PostgreSQL counts in characters', async (t) => {
  const position = [...joined.slice(0, joined.indexOf('colour'))].length + 1;
  t.deepEqual(await locateError(pieces, { position, completed: 4 }), {
    file: FILE,
    line: 7,
    statement: 'alter table notes add column colour text',
  });
});

test('names no file for a statement of the engine', async (t) => {
  for (const completed of [0, 1, 5, 6]) {
    t.is(await locateError(pieces, { position: null, completed }), null);
  }
});
