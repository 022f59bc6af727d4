import { z } from 'zod';

import { Moment } from '../../db/driver/moment.ts';
import { createField, type Field, fail, withJsonSchema } from './field.ts';
import { asciiDigits } from './python-text.ts';

const WRONG_DATE = 'Date has wrong format. Use one of these formats instead: YYYY-MM-DD.';
const WRONG_DATETIME =
  'Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].';

const DATE = /^(\d{4})-(\d{1,2})-(\d{1,2})\n?$/;
const DATETIME =
  /^(\d{4}-\d{1,2}-\d{1,2})[T ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,6})\d{0,6})?)?(Z|[+-]\d{2}(?::?\d{2})?)?\n?$/;
/** Maximum characters. No date is longer. */
const MAX_TEXT = 60;

const textOf = (value: unknown): string =>
  typeof value === 'string' && value.length <= MAX_TEXT ? asciiDigits(value) : '';

/** Reads a day in the form YYYY-MM-DD. Returns null for a day that does not exist. */
function parseDay(text: string): string | null {
  const [year = 0, month = 0, day = 0] = (DATE.exec(text) ?? []).slice(1).map(Number);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const isReal =
    year > 0 &&
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day;
  return isReal ? date.toISOString().slice(0, 10) : null;
}

/** Returns minutes east of UTC, or null for an invalid time zone. */
function parseZone(zone: string): number | null {
  if (zone === '' || zone === 'Z') {
    return 0;
  }
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(':', ''));
  return minutes < 24 * 60 ? (zone.startsWith('-') ? -minutes : minutes) : null;
}

function parseMoment(text: string): Date | null {
  const [, day = '', hour = '', minute = '', second = '0', fraction = '', zone = ''] =
    DATETIME.exec(text) ?? [];
  const [date, offset] = [parseDay(day), parseZone(zone)];
  if (date === null || offset === null || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) {
    return null;
  }
  const digits = fraction.padEnd(6, '0');
  const moment = new Date(`${date}T00:00:00Z`);
  moment.setUTCHours(Number(hour), Number(minute) - offset, Number(second), Number(digits.slice(0, 3)));
  return new Moment(moment.getTime(), Number(digits.slice(3)));
}

/** Creates a DateField: YYYY-MM-DD. Values are strings: a day has no time zone. */
export const date = (): Field<z.ZodString> =>
  createField(
    withJsonSchema(z.string(), { type: 'string', format: 'date' }),
    (value, context) => parseDay(textOf(value)) ?? fail(context, WRONG_DATE),
    { sqlType: 'date' },
  );

/** Returns the schema of a moment in a row. `infinity` is a number in JavaScript and would be null in JSON. */
const momentRow = (): z.ZodType<Date> =>
  withJsonSchema(
    z.union([
      z.date(),
      z
        .custom<number>((value) => value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY)
        .transform((value) => (value > 0 ? 'infinity' : '-infinity')),
    ]) as unknown as z.ZodType<Date>,
    { type: 'string', format: 'date-time' },
  );

/**
 * Creates a DateTimeField: ISO 8601, in UTC when no zone is given. Values are `Date`s whose `toISOString` and
 * `toJSON` have six fractional digits.
 */
export const datetime = (): Field<z.ZodType<Date>> =>
  createField(
    momentRow(),
    (value, context) => {
      const moment = parseMoment(textOf(value));
      if (moment === null) {
        return fail(context, WRONG_DATETIME);
      }
      const year = moment.getUTCFullYear();
      return year >= 1 && year <= 9_999 ? moment : fail(context, 'Datetime value out of range.');
    },
    { sqlType: 'timestamptz' },
  );
