import test from 'ava';
import { z } from 'zod';

import { ValidationFailed } from '../../../src/errors.ts';
import { JsonNumber } from '../../../src/http/body/json-number.ts';
import { parseJson } from '../../../src/http/body/parse-json.ts';
import { validate } from '../../../src/http/body/validate.ts';
import { boolean } from '../../../src/http/fields/boolean.ts';
import { choice } from '../../../src/http/fields/choice.ts';
import { date, datetime } from '../../../src/http/fields/date.ts';
import { email } from '../../../src/http/fields/email.ts';
import { nullable, optional, readOnly } from '../../../src/http/fields/field.ts';
import { json } from '../../../src/http/fields/json.ts';
import { decimal, integer } from '../../../src/http/fields/number.ts';
import { relation } from '../../../src/http/fields/relation.ts';
import { serializer } from '../../../src/http/fields/serializer.ts';
import { text } from '../../../src/http/fields/text.ts';
import { url } from '../../../src/http/fields/url.ts';
import { uuid } from '../../../src/http/fields/uuid.ts';
import fc from '../../helpers/fast-check.ts';

const faults = (schema: z.ZodType, value: unknown): readonly string[] | undefined => {
  const error = (() => {
    try {
      validate(z.object({ a: schema }), { a: value });
      return null;
    } catch (thrown) {
      return thrown;
    }
  })();
  if (error !== null && !(error instanceof ValidationFailed)) {
    throw error;
  }
  return error?.fields.a;
};

const ALL = {
  text: text({ max: 20 }),
  integer: integer(),
  decimal: decimal({ digits: 12, places: 2 }),
  boolean: boolean(),
  date: date(),
  datetime: datetime(),
  uuid: uuid(),
  choice: choice(['open', 'closed', 3]),
  email: email(),
  url: url(),
  json: json(),
  relation: relation(),
} as const;

test('every field accepts any JSON value or rejects it with messages', (t) => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 3 }), (source) => {
      // A body with this name is rejected as a whole.
      fc.pre(!source.includes('__proto__'));
      for (const schema of Object.values(ALL)) {
        for (const field of [schema, nullable(schema)]) {
          const found = faults(field, parseJson(source));
          t.true(
            found === undefined || (found.length > 0 && found.every((message) => message.endsWith('.'))),
          );
        }
      }
    }),
    { numRuns: 60 },
  );
});

test('accepts an integer as a number, as a string and with spaces', (t) => {
  fc.assert(
    fc.property(fc.integer(), (value) => {
      for (const given of [value, String(value), ` ${value}.0 `]) {
        t.deepEqual(validate(z.object({ a: integer() }), { a: given }), { a: value });
      }
    }),
  );
});

test('a decimal keeps every digit and has all its decimal places', (t) => {
  const field = z.object({ a: decimal({ digits: 30, places: 4 }) });
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 30n) + 1n, max: 10n ** 30n - 1n }), (units) => {
      const digits = String(units < 0n ? -units : units).padStart(5, '0');
      const value = `${units < 0n ? '-' : ''}${digits.slice(0, -4)}.${digits.slice(-4)}`;
      t.deepEqual(validate(field, { a: value }), { a: value });
    }),
  );
  t.deepEqual(faults(ALL.decimal, `1e${'9'.repeat(17)}`), [
    'Ensure that there are no more than 12 digits in total.',
  ]);
});

test('reads a time in any time zone, and a date without one', (t) => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date('0002-01-01'), max: new Date('9998-01-01'), noInvalidDate: true }),
      fc.integer({ min: -1439, max: 1439 }),
      (moment, offset) => {
        const local = new Date(moment.getTime() + offset * 60_000).toISOString().slice(0, -1);
        const size = Math.abs(offset);
        const zone = [Math.floor(size / 60), size % 60]
          .map((part) => String(part).padStart(2, '0'))
          .join(':');
        const given = `${local}${offset < 0 ? '-' : '+'}${zone}`;
        t.is(validate(z.object({ a: datetime() }), { a: given }).a.getTime(), moment.getTime());
        const day = moment.toISOString().slice(0, 10);
        t.is(validate(z.object({ a: date() }), { a: day }).a, day);
      },
    ),
  );
});

test('a relation is the id of a row', (t) => {
  t.is(faults(relation(), 5), undefined);
  t.is(faults(relation(), '5'), undefined);
  t.deepEqual(faults(relation(), true), ['Incorrect type. Expected pk value, received bool.']);
  t.deepEqual(faults(relation(), 'x'), ['Incorrect type. Expected pk value, received str.']);
  t.deepEqual(faults(relation(), [1]), ['Incorrect type. Expected pk value, received list.']);
  t.deepEqual(faults(relation(), ''), ['This field may not be null.']);
  t.deepEqual(faults(relation(), '9'.repeat(30)), [
    `Invalid pk "${'9'.repeat(30)}" - object does not exist.`,
  ]);
  t.is(validate(z.object({ a: nullable(relation()) }), { a: '' }).a, null);
});

test('rejects a JSON value that jsonb would reject', (t) => {
  t.is(faults(json(), { a: [1, null, 'x'] }), undefined);
  t.deepEqual(faults(json(), { a: ['\0'] }), ['Null characters are not allowed.']);
  t.deepEqual(faults(json(), { '\0': 1 }), ['Null characters are not allowed.']);
  t.deepEqual(faults(json(), [new JsonNumber('1e99999')]), ['Value must be valid JSON.']);
  const big = parseJson('{"a": {"id": 9007199254740993}}');
  t.is(JSON.stringify(validate(z.object({ a: json() }), big).a), '{"id":9007199254740993}');
});

test('checks the length of a text before its format', (t) => {
  t.deepEqual(faults(email(), 'a'.repeat(1_000_000)), ['Ensure this field has no more than 254 characters.']);
  t.deepEqual(faults(url(), `http://${'a.'.repeat(500_000)}`), [
    'Ensure this field has no more than 2048 characters.',
  ]);
});

const note = serializer(
  {
    id: readOnly(relation()),
    title: text({ max: 200 }),
    body: optional(text({ blank: true })),
    status: choice(['open', 'closed']).default('open'),
    due: nullable(date()),
    created_at: readOnly(datetime()),
  },
  { name: 'Note' },
);

test('a request body has no read-only fields, and a partial body has no required fields and no defaults', (t) => {
  const sent = { id: 7, title: ' T ', due: null, created_at: 'x' };
  t.deepEqual(validate(note.body, sent), { title: 'T', status: 'open', due: null });
  t.deepEqual(validate(note.partialBody, {}), {});
  t.deepEqual(validate(note.partialBody, { status: 'closed' }), { status: 'closed' });
  const error = t.throws<ValidationFailed>(() => validate(note.body, {}), { instanceOf: ValidationFailed });
  t.deepEqual(error?.fields, { title: ['This field is required.'], due: ['This field is required.'] });
});

test('a row keeps values that JavaScript cannot represent', (t) => {
  const row = {
    id: '9007199254740993',
    title: 'T',
    body: '',
    status: 'of an older release',
    due: null,
    created_at: Number.POSITIVE_INFINITY,
  };
  const text = JSON.stringify(note.row.parse(row));
  t.true(text.startsWith('{"id":9007199254740993,'));
  t.true(text.endsWith('"created_at":"infinity"}'));
});

test('fields have a JSON Schema', (t) => {
  for (const io of ['input', 'output'] as const) {
    const { properties, required } = z.toJSONSchema(z.object(ALL), { io });
    t.deepEqual(properties, {
      text: { type: 'string', minLength: 1, maxLength: 20 },
      integer: { type: 'integer', minimum: -2147483648, maximum: 2147483647 },
      decimal: { type: 'string', format: 'decimal', pattern: '^-?\\d{1,10}(?:\\.\\d{1,2})?$' },
      boolean: { type: 'boolean' },
      date: { type: 'string', format: 'date' },
      datetime: { type: 'string', format: 'date-time' },
      uuid: { type: 'string', format: 'uuid' },
      choice: { enum: ['open', 'closed', 3] },
      email: { type: 'string', format: 'email', minLength: 1, maxLength: 254 },
      url: { type: 'string', format: 'uri', minLength: 1, maxLength: 2048 },
      json: {},
      relation: { type: 'integer' },
    });
    t.deepEqual(required, Object.keys(ALL));
  }
});

test('a serializer describes requests and responses', (t) => {
  const named = (schema: z.ZodType, io: 'input' | 'output', name: string) =>
    z.toJSONSchema(schema, { io }).$defs?.[name];
  const request = named(note.body, 'input', 'NoteRequest');
  t.deepEqual(request?.required, ['title', 'due']);
  t.deepEqual(request?.properties?.due, { anyOf: [{ type: 'string', format: 'date' }, { type: 'null' }] });
  t.is(named(note.partialBody, 'input', 'PatchedNoteRequest')?.required, undefined);
  const response = named(note.row, 'output', 'Note');
  t.deepEqual(response?.required, ['id', 'title', 'body', 'status', 'due', 'created_at']);
  t.deepEqual(response?.properties?.created_at, { type: 'string', format: 'date-time' });
  const described = z.toJSONSchema(z.object({ a: text({ blank: true }).describe('What to do.') }), {
    io: 'input',
  });
  t.deepEqual(described.properties?.a, { type: 'string', description: 'What to do.' });
});
