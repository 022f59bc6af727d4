import test from 'ava';

import { findBrokenLines } from '../../src/config/env-file.ts';

test('accepts what Node reads', (t) => {
  t.deepEqual(
    findBrokenLines(
      '# comment\n\n  # indented\nA=1\nexport B = two words # comment\nC=\nD="x=y"\nKEYS="one:a\ntwo:b"\nE=\'it\'\r\nF=`a"b`\n',
    ),
    [],
  );
});

test('names the lines that Node would ignore, without their values', (t) => {
  t.deepEqual(findBrokenLines('PORT 8080\nA=1\nAPP_SECRET: s3cret\n=x\nB="open\n'), [
    'line 1 must be NAME=value',
    'line 3 must be NAME=value',
    'line 4 must be NAME=value',
    'line 5 has an unclosed quote (")',
  ]);
});
