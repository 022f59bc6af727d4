import test from 'ava';
import { sql } from 'slonik';

import { ApiError } from '../../../src/errors.ts';
import { datetime } from '../../../src/http/fields/date.ts';
import { nullable } from '../../../src/http/fields/field.ts';
import { relation } from '../../../src/http/fields/relation.ts';
import { text } from '../../../src/http/fields/text.ts';
import { type Cursor, decodeCursor, encodeCursor } from '../../../src/http/lists/cursor.ts';
import { orderingFor } from '../../../src/http/lists/ordering.ts';
import fc from '../../helpers/fast-check.ts';

const fields = { id: relation(), name: nullable(text()), at: datetime() };
const orderOf = (ordering: string) =>
  orderingFor({ ordering }, fields, { allowed: ['name', 'at'], columns: { at: sql.fragment`n.at` } });
const scope = { tenant: 't1', path: '/api/notes/', order: orderOf('name,-at') };

const position = fc.tuple(
  fc.option(fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0'))),
  fc.constantFrom('2026-01-01T00:00:00.123456+00:00', 'infinity'),
  fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n }).map(String),
);
const cursors: fc.Arbitrary<Cursor> = fc.record({
  isReversed: fc.boolean(),
  position: fc.option(position),
});

test('decodes an encoded cursor to the same value', (t) => {
  fc.assert(
    fc.property(cursors, (cursor) => {
      const text = encodeCursor(scope, cursor);
      t.regex(text, /^[\w-]+$/);
      t.deepEqual(decodeCursor(scope, text), cursor);
    }),
  );
});

test('rejects a cursor of another tenant, path or order', (t) => {
  fc.assert(
    fc.property(cursors, (cursor) => {
      const text = encodeCursor(scope, cursor);
      for (const other of [
        { ...scope, tenant: 't2' },
        { ...scope, path: '/api/' },
        { ...scope, order: orderOf('name,at') },
      ]) {
        t.throws(() => decodeCursor(other, text), { instanceOf: ApiError, message: 'Invalid cursor' });
      }
    }),
  );
});

test('rejects a forged cursor with a value that PostgreSQL cannot read', (t) => {
  const forged: ReadonlyArray<readonly unknown[]> = [
    ['a', 'yesterday', '1'],
    ['a', 'infinity', '1; drop table notes'],
    ['a', 'infinity', null],
    ['a\0', 'infinity', '1'],
    ['a', null, '1'],
    ['a', 'infinity', '9'.repeat(20)],
    ['a', 'infinity'],
    ['a', 'infinity', 1],
  ];
  for (const values of forged) {
    const text = encodeCursor(scope, { isReversed: false, position: values as readonly string[] });
    t.throws(() => decodeCursor(scope, text), { message: 'Invalid cursor' }, JSON.stringify(values));
  }
});

test('appends the unique field to the order, and ignores fields after it', (t) => {
  const names = (ordering: string) =>
    orderingFor({ ordering }, fields, { allowed: ['id', 'name', 'at'], standard: ['-at'] }).map(
      ({ name, isDescending }) => `${isDescending ? '-' : ''}${name}`,
    );
  t.deepEqual(names('name'), ['name', 'id']);
  t.deepEqual(names('-id,name'), ['-id']);
  t.deepEqual(names('name,-name, at'), ['name', 'at', 'id']);
  t.deepEqual(names('nonsense'), ['-at', 'id']);
  t.deepEqual(names('constructor,__proto__,--name'), ['-at', 'id']);
});
