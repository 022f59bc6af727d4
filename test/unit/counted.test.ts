import test from 'ava';

import { counted } from '../../src/counted.ts';

test('uses the singular for one only', (t) => {
  t.is(counted(0, 'row'), '0 rows');
  t.is(counted(1, 'row'), '1 row');
  t.is(counted(20_001, 'row'), '20001 rows');
});
