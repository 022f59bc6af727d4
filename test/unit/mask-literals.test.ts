import test from 'ava';

import { maskLiterals } from '../../src/db/sql/mask-literals.ts';

const SECRET = 's3cret';

for (const [text, masked] of [
  [`select name from notes where text = '${SECRET}'`, 'select name from notes where text = ?'],
  [`select 'it''s ${SECRET}', id from notes`, 'select ?, id from notes'],
  [`select E'a\\'${SECRET}' as x`, 'select ? as x'],
  [`select e'a''${SECRET}\\\\' as x`, 'select ? as x'],
  [`select 'a\\' as x, '${SECRET}'`, 'select ? as x, ?'],
  [`select $$${SECRET}$$, $tag$ $$ ${SECRET} $tag$, $1, $22`, 'select ?, ?, $1, $22'],
  [`select U&'\\0041${SECRET}', N'${SECRET}', B'101', X'1F'`, 'select U&?, N?, B?, X?'],
  [
    'select 12345678, 1.5e10, .5, 0x1F, 1_000 from t1 where a1 = -7',
    'select ?, ?, .?, ?, ? from t1 where a1 = -?',
  ],
  [`/* ${SECRET} */ select 1 -- ${SECRET}\n from t`, 'select ? from t'],
  [`/* a /* ${SECRET} */ ${SECRET} */ select "Name 1" from "T"`, 'select "Name 1" from "T"'],
  [`select '${SECRET}`, 'select ?'],
  [`select $$${SECRET}`, 'select ?'],
  [`select 1 /* ${SECRET}`, 'select ?'],
  [`select a$b, ü1, "quoted '' $$ -- ", '${SECRET}' from t`, `select a$b, ü1, "quoted '' $$ -- ", ? from t`],
  ['insert into t (a) values ($1) returning id', 'insert into t (a) values ($1) returning id'],
] as const) {
  test(`masks ${text}`, (t) => {
    t.is(maskLiterals(text), masked);
  });
}
