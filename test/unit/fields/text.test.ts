import test from 'ava';
import { z } from 'zod';

import { ValidationFailed } from '../../../src/errors.ts';
import { validate } from '../../../src/http/body/validate.ts';
import { text } from '../../../src/http/fields/text.ts';

const fault = (schema: z.ZodType, input: unknown): Readonly<Record<string, readonly string[]>> | null => {
  try {
    validate(schema, input);
    return null;
  } catch (error) {
    if (error instanceof ValidationFailed) {
      return error.fields;
    }
    throw error;
  }
};

test('trims a text that is not a password', (t) => {
  t.deepEqual(validate(z.object({ a: text() }), { a: ' x ' }), { a: 'x' });
  t.deepEqual(validate(z.object({ a: text({ trim: false }) }), { a: ' x ' }), { a: ' x ' });
});

test('accepts a number as a text, and no other type', (t) => {
  t.deepEqual(validate(z.object({ a: text() }), { a: 0 }), { a: '0' });
  for (const wrong of [true, false, {}, [], ['x']]) {
    t.deepEqual(fault(z.object({ a: text() }), { a: wrong }), { a: ['Not a valid string.'] });
  }
});

test('reports missing, null, blank, NUL and too long values with separate messages', (t) => {
  const schema = z.object({ a: text({ max: 3 }) });
  t.deepEqual(fault(schema, {}), { a: ['This field is required.'] });
  t.deepEqual(fault(schema, { a: null }), { a: ['This field may not be null.'] });
  t.deepEqual(fault(schema, { a: '  ' }), { a: ['This field may not be blank.'] });
  t.deepEqual(fault(schema, { a: '\0' }), { a: ['Null characters are not allowed.'] });
  t.deepEqual(fault(schema, { a: 'abcd' }), { a: ['Ensure this field has no more than 3 characters.'] });
  t.is(fault(schema, { a: '😀😀😀' }), null);
  t.is(fault(schema, { a: ' abc ' }), null);
});

test('a text field can allow blank values and be optional', (t) => {
  const schema = z.object({ a: text({ blank: true }), b: text().optional() });
  t.deepEqual(validate(schema, { a: ' ' }), { a: '' });
  t.deepEqual(fault(schema, { a: '', b: null }), { b: ['This field may not be null.'] });
});
