import test from 'ava';

import { fillPlaceholders } from '../../src/db/sql/sql-file.ts';

const fill = (text: string): string => fillPlaceholders(text, { service: 'a"p\'p', dark: 'never' }, 'x.sql');

test('replaces placeholders outside literals', (t) => {
  t.is(fill(`grant x to :"service", tenant_owner`), `grant x to "a""p'p", tenant_owner`);
  t.is(fill(`where r.rolname = :'service';`), `where r.rolname = 'a"p''p';`);
});

for (const [what, text] of [
  ['literals', `default '{"theme":"dark"}'`],
  ['literals with doubled quotes', `default 'it''s {"theme":"dark"}'`],
  ['escaped literals', `default E'\\'{"theme":"dark"}'`],
  ['quoted names', `select 1 as "a:'dark'"`],
  ['dollar quotes', `do $$ select :"dark", :'dark' $$`],
  ['tagged dollar quotes', `do $a$ $$ :"dark" $$ $a$`],
  ['line comments', `select 1 -- :"dark"\n, 2`],
  ['block comments', `/* :"dark" /* :'dark' */ :"dark" */ select 1`],
  ['casts to quoted types', `select x::"dark"`],
  ['a literal without an end', `select 1, '{"theme":"dark"}`],
  ['braces', `select '{dark}', $$ {dark} $$ -- {dark}`],
] as const) {
  test(`does not change ${what}`, (t) => {
    t.is(fill(text), text);
    t.is(fillPlaceholders(text, {}, 'x.sql'), text);
  });
}

test('names a variable without a value', (t) => {
  for (const text of ['select :"other"', "select '{}', :'other'", 'select :"constructor"']) {
    t.throws(() => fillPlaceholders(text, {}, 'tenant/x.sql'), {
      message: /^sql\/tenant\/x\.sql requires the variable/,
    });
  }
});
