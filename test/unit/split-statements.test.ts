import test from 'ava';

import { splitStatements } from '../../src/db/sql/split-statements.ts';

const CASES: ReadonlyArray<
  readonly [text: string, statements: readonly string[], rest: string, open: boolean]
> = [
  ['', [], '', false],
  [';;', [], '', false],
  ['select 1; select 2', ['select 1'], 'select 2', false],
  ['select 1;\n-- done; really\n', ['select 1'], '-- done; really', false],
  [`select 'it''s;';`, [`select 'it''s;'`], '', false],
  [`select 'a\\';`, [`select 'a\\'`], '', false],
  [`select E'\\';';`, [`select E'\\';'`], '', false],
  [`select name'\\';`, [`select name'\\'`], '', false],
  ['select ";" as "a;""b";', ['select ";" as "a;""b"'], '', false],
  ['select $$;$$, $x$;$$;$x$;', ['select $$;$$, $x$;$$;$x$'], '', false],
  ['select a$b$c; select 1;', ['select a$b$c', 'select 1'], '', false],
  ['select $1; select 2;', ['select $1', 'select 2'], '', false],
  ['select /* ; /* ; */ ; */ 1;', ['select /* ; /* ; */ ; */ 1'], '', false],
  ['select 1 - -1; select 4 / 2;', ['select 1 - -1', 'select 4 / 2'], '', false],
  ["select 'a;", [], "select 'a;", true],
  ["select e'a\\';", [], "select e'a\\';", true],
  ['select "a;', [], 'select "a;', true],
  ['select $$a;', [], 'select $$a;', true],
  ['select $q$a;$$;', [], 'select $q$a;$$;', true],
  ['select 1; /* a /* b */ ;', ['select 1'], '/* a /* b */ ;', true],
];

for (const [text, statements, rest, open] of CASES) {
  test(`splits a text as PostgreSQL does: ${JSON.stringify(text)}`, (t) => {
    t.deepEqual(splitStatements(text), { statements, rest, open });
  });
}
