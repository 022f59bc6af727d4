import test from 'ava';
import { z } from 'zod';

import { ApiError, ValidationFailed } from '../../src/errors.ts';
import { readBody, validate } from '../../src/http/body/validate.ts';
import { text } from '../../src/http/fields/text.ts';
import type { Context } from '../../src/http/state.ts';

const schema = z.object({ a: text(), b: text() });

for (const [input, kind] of [
  [[], 'list'],
  ['x', 'str'],
  [null, 'null'],
] as const) {
  test(`reports ${JSON.stringify(input)} as a ${kind} in place of an object`, (t) => {
    const error = t.throws<ValidationFailed>(() => validate(schema, input), { instanceOf: ValidationFailed });
    t.deepEqual(error?.fields, {
      non_field_errors: [`Invalid data. Expected a dictionary, but got ${kind}.`],
    });
  });
}

test('reports every invalid field under its own key, and ignores unknown members', (t) => {
  t.deepEqual(validate(schema, { a: 'x', b: 'y', c: 'z' }), { a: 'x', b: 'y' });
  const error = t.throws<ValidationFailed>(() => validate(schema, { c: 1 }), {
    instanceOf: ValidationFailed,
  });
  t.deepEqual(Object.keys(error?.fields ?? {}), ['a', 'b']);
});

test('reports missing and null members of any schema in the same words', (t) => {
  const plain = z.object({
    name: z.string(),
    domains: z.array(z.string()),
    size: z.number(),
    own: z.string('Write a name.'),
  });
  const error = t.throws<ValidationFailed>(() => validate(plain, { size: null }), {
    instanceOf: ValidationFailed,
  });
  t.deepEqual(error?.fields, {
    name: ['This field is required.'],
    domains: ['This field is required.'],
    size: ['This field may not be null.'],
    own: ['Write a name.'],
  });
  const wrong = t.throws<ValidationFailed>(() => validate(z.object({ name: z.string() }), { name: 1 }), {
    instanceOf: ValidationFailed,
  });
  t.regex(wrong?.fields.name?.[0] ?? '', /expected string/);
});

test('reports a text in place of a list', (t) => {
  const list = z.object({ domains: z.array(z.string()) });
  const error = t.throws<ValidationFailed>(() => validate(list, { domains: 'x' }), {
    instanceOf: ValidationFailed,
  });
  t.deepEqual(error?.fields, { domains: ['Expected a list of items but got type "str".'] });
});

test('reports an error of two fields together as non_field_errors', (t) => {
  const both = schema.refine(({ a, b }) => a === b, 'They differ.');
  const error = t.throws<ValidationFailed>(() => validate(both, { a: 'x', b: 'y' }), {
    instanceOf: ValidationFailed,
  });
  t.deepEqual(error?.fields, { non_field_errors: ['They differ.'] });
});

test('throws the error of an unreadable body when the body is read', (t) => {
  const fault = new ApiError('parse_error', 'JSON parse error - x');
  const ctx = {
    state: {
      body: () => {
        throw fault;
      },
    },
  } as unknown as Context;
  t.is(
    t.throws(() => readBody(ctx, schema)),
    fault,
  );
});
