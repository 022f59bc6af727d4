import test from 'ava';
import { z } from 'zod';
import { JsonNumber } from '../../src/http/body/json-number.ts';
import { parseJson } from '../../src/http/body/parse-json.ts';
import { validate } from '../../src/http/body/validate.ts';
import { text } from '../../src/http/fields/text.ts';
import fc from '../helpers/fast-check.ts';

// The results of str(json.loads(source)) in Python 3.
const PYTHON: ReadonlyArray<readonly [string, string]> = [
  ['0', '0'],
  ['-0', '0'],
  ['100', '100'],
  ['9007199254740993', '9007199254740993'],
  ['12345678901234567890', '12345678901234567890'],
  ['-12345678901234567890', '-12345678901234567890'],
  ['1.10', '1.1'],
  ['4.5', '4.5'],
  ['1.0', '1.0'],
  ['-0.0', '-0.0'],
  ['-1.50', '-1.5'],
  ['1e2', '100.0'],
  ['1E+2', '100.0'],
  ['0.1e1', '1.0'],
  ['120.0e0', '120.0'],
  ['1234567.0', '1234567.0'],
  ['1e15', '1000000000000000.0'],
  ['1e16', '1e+16'],
  ['1e22', '1e+22'],
  ['0.0001', '0.0001'],
  ['0.00001', '1e-05'],
  ['1.5e-7', '1.5e-07'],
  ['1e-10', '1e-10'],
  ['5e-324', '5e-324'],
  ['123456789012345678.5', '1.2345678901234568e+17'],
  ['1.7976931348623157e308', '1.7976931348623157e+308'],
  ['1e400', 'inf'],
  ['-1e400', '-inf'],
];
const field = z.object({ a: text() });

for (const [source, expected] of PYTHON) {
  test(`${source} is ${expected} in a text field, and a number elsewhere`, (t) => {
    const body = parseJson(`{"a": ${source}}`);
    t.is(validate(field, body).a, expected);
    if (Number.isFinite(Number(source))) {
      t.is(validate(z.object({ a: z.number() }), body).a, Number(source));
    }
  });
}

test('serializes a number as it was read', (t) => {
  const source = '{"a":12345678901234567890,"b":[1.0,{"c":1e2}],"d":"1.0 12345678901234567890"}';
  t.is(JSON.stringify(parseJson(source)), source);
  t.true((parseJson(source) as { a: unknown }).a instanceof JsonNumber);
});

test('rejects a whole number of more than 4,300 digits', (t) => {
  t.is(String(parseJson('9'.repeat(4_300))), '9'.repeat(4_300));
  t.throws(() => parseJson(`[${'9'.repeat(4_301)}]`), { message: /more than 4300 digits/ });
});

test('accepts and rejects what JSON.parse accepts and rejects', (t) => {
  for (const source of [
    '{1.0: 2}',
    '{"a": 1.0, 1e5: 2}',
    '[01.0]',
    '[1.0.0]',
    '[1.0e]',
    '[--1.0]',
    '[1.0 1.0]',
    '"a"1.0',
    '1.0"',
    '[1.0, "\\"',
    '[1.0, "\\',
    '+1.0',
    '.0',
    '1.',
    '',
    ' ',
    '[1.0,]',
  ]) {
    const error = t.throws(() => parseJson(source), { instanceOf: SyntaxError }, source);
    t.notRegex(error?.message ?? '', /[0-9a-f]{8}-[0-9a-f]{4}/);
  }
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), (source) => {
      // Rejected, because code that merges objects could use it as their prototype.
      fc.pre(!source.includes('__proto__'));
      t.deepEqual(validatePlain(parseJson(source)), JSON.parse(source));
    }),
    { numRuns: 500 },
  );
});

/** Returns the value with JavaScript's numbers, for a comparison with JSON.parse. */
function validatePlain(value: unknown): unknown {
  if (value instanceof JsonNumber) {
    return value.valueOf();
  }
  if (Array.isArray(value)) {
    return value.map(validatePlain);
  }
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value).map(([key, member]) => [key, validatePlain(member)]))
    : value;
}

test('texts of the field types and of zod are well-formed', (t) => {
  t.throws(() => validate(field, { a: 'x\ud800' }), {
    message: 'a: Surrogate characters are not allowed: U+D800.',
  });
  for (const value of ['\ud800', ['x', '\udc00'], { '\ud800': 1 }]) {
    t.throws(() => validate(z.object({ a: z.unknown() }), { a: value }), {
      message: 'a: Surrogate characters are not allowed.',
    });
  }
});
