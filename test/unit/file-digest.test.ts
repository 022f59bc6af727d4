import test from 'ava';

import { digestOfFiles } from '../../src/tenancy/migrations/file-digest.ts';

const digest = (...texts: string[]): string => digestOfFiles(texts.map((text) => ({ file: 'x.sql', text })));

const TEXT = `create table a (\n  name text default 'x  --y'\n);\n`;

test('line endings, comments and whitespace between tokens do not change a digest', (t) => {
  for (const same of [
    TEXT.replaceAll('\n', '\r\n'),
    `-- A table.\n${TEXT}\n/* the end */\n`,
    `create table a (name text default 'x  --y');`.replace('(name', '( name').replace("')", "' )"),
    TEXT.trimEnd(),
  ]) {
    t.is(digest(same), digest(TEXT), same);
  }
});

test('statements, literals, function bodies and the order of files change a digest', (t) => {
  for (const other of [
    TEXT.replace('text', 'citext'),
    TEXT.replace('x  --y', 'x --y'),
    TEXT.replace('x  --y', 'X  --y'),
    TEXT.replace('table a', 'tablea'),
    `${TEXT} create index on a (name);`,
    '',
  ]) {
    t.not(digest(other), digest(TEXT), other);
  }
  const body = 'create function f() returns int language sql as $$ select 1 $$;';
  t.not(digest(body.replace('select 1', 'select  1')), digest(body));
  t.not(digest('select 1;', 'select 2;'), digest('select 2;', 'select 1;'));
  t.not(digest('select 1; select 2;'), digest('select 1;', 'select 2;'));
});
