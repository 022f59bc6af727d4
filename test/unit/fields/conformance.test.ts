// Compares the fields with recorded answers of Django REST Framework 3.14.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { z } from 'zod';

import { ValidationFailed } from '../../../src/errors.ts';
import { parseJson } from '../../../src/http/body/parse-json.ts';
import { validate } from '../../../src/http/body/validate.ts';
import { boolean } from '../../../src/http/fields/boolean.ts';
import { choice } from '../../../src/http/fields/choice.ts';
import { date, datetime } from '../../../src/http/fields/date.ts';
import { email } from '../../../src/http/fields/email.ts';
import { nullable } from '../../../src/http/fields/field.ts';
import { decimal, integer } from '../../../src/http/fields/number.ts';
import { text } from '../../../src/http/fields/text.ts';
import { url } from '../../../src/http/fields/url.ts';
import { uuid } from '../../../src/http/fields/uuid.ts';

const price = { digits: 5, places: 2 };
const FIELDS: Readonly<Record<string, z.ZodType>> = {
  text: text(),
  textblank: text({ blank: true }),
  text3: text({ min: 2, max: 3 }),
  integer: integer({ min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
  int15: integer({ min: 1, max: 5 }),
  intnull: nullable(integer({ min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER })),
  decimal: decimal(price),
  dec15: decimal({ ...price, min: 1, max: 5 }),
  decnull: nullable(decimal(price)),
  boolean: boolean(),
  boolnull: nullable(boolean()),
  date: date(),
  datetime: datetime(),
  datenull: nullable(date()),
  uuid: uuid(),
  choice: choice(['a', 'b', '1']),
  choiceblank: choice(['a', 'b'], { blank: true }),
  choicenull: nullable(choice(['a'])),
  email: email(),
  emailblank: email({ blank: true }),
  url: url(),
};

/** Intended differences. */
const DIFFERENT: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  // A boolean is a number in Python only.
  uuid: {
    true: { errors: ['Must be a valid UUID.'] },
    false: { errors: ['Must be a valid UUID.'] },
  },
  // A JavaScript number does not have more digits.
  integer: {
    '12345678901234567890': { errors: ['Ensure this value is less than or equal to 9007199254740991.'] },
  },
  intnull: {
    '12345678901234567890': { errors: ['Ensure this value is less than or equal to 9007199254740991.'] },
  },
  // Python's notation of lists and objects.
  ...Object.fromEntries(
    ['choice', 'choiceblank', 'choicenull'].map((field) => [
      field,
      {
        '["a"]': { errors: ['"["a"]" is not a valid choice.'] },
        '{"a": 1}': { errors: ['"{"a":1}" is not a valid choice.'] },
      },
    ]),
  ),
};

const recorded = JSON.parse(readFileSync(new URL('drf.json', import.meta.url), 'utf8')) as Record<
  string,
  Record<string, unknown>
>;

function answer(schema: z.ZodType, input: string): unknown {
  try {
    const { a } = validate(z.object({ a: schema }), parseJson(`{"a": ${input}}`)) as { a: unknown };
    // Recorded in milliseconds.
    return [a instanceof Date ? new Date(a).toISOString() : a];
  } catch (error) {
    return error instanceof ValidationFailed ? { errors: error.fields.a } : error;
  }
}

for (const [name, answers] of Object.entries(recorded)) {
  test(`${name}: accepts, rejects and converts as Django REST Framework`, (t) => {
    const schema = FIELDS[name];
    t.truthy(schema);
    for (const [input, expected] of Object.entries(answers)) {
      t.deepEqual(schema && answer(schema, input), DIFFERENT[name]?.[input] ?? expected, input);
    }
  });
}
