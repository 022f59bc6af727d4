import { z } from 'zod';

import { JsonNumber } from '../body/json-number.ts';
import { createField, type Field, fail, withJsonSchema } from './field.ts';
import { asciiDigits, scalarText, strip } from './python-text.ts';

/** Maximum characters of a number that is sent as a string. */
const MAX_TEXT = 1_000;

const atLeast = (min: number | string): string => `Ensure this value is greater than or equal to ${min}.`;
const atMost = (max: number | string): string => `Ensure this value is less than or equal to ${max}.`;

/**
 * Returns the schema of an integer in a row. Beyond 2^53 it is a `JsonNumber`, which
 * JSON.stringify writes with all digits.
 */
export const integerRow = (json: Readonly<Record<string, unknown>> = {}): z.ZodType<number> =>
  withJsonSchema(
    z.union([
      z.number(),
      z
        .string()
        .regex(/^-?\d+$/)
        .transform((digits) => new JsonNumber(digits)),
    ]) as unknown as z.ZodType<number>,
    { type: 'integer', ...json },
  );

/** Reads an integer as Python's `int` does, and 1.0 as 1. Returns null for other values. */
export function parseInteger(value: unknown): bigint | null {
  const text = scalarText(value);
  if (text === null || text.length > 5_000) {
    return null;
  }
  const digits = asciiDigits(strip(text.replace(/\.0*\s*$/, '')));
  return /^[+-]?\d+(?:_\d+)*$/.test(digits)
    ? BigInt(digits.replace(/^[+-]/, '').replaceAll('_', '')) * (digits.startsWith('-') ? -1n : 1n)
    : null;
}

/**
 * Creates an IntegerField. Default bounds: those of PostgreSQL's `integer`, as in a
 * ModelSerializer. For a `bigint` column: `max: Number.MAX_SAFE_INTEGER`.
 */
export function integer({
  min = -2_147_483_648,
  max = 2_147_483_647,
}: Readonly<{ min?: number; max?: number }> = {}): Field<z.ZodType<number>> {
  if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max)) {
    throw new TypeError('Bounds of an integer field are integers up to Number.MAX_SAFE_INTEGER.');
  }
  const row = integerRow({ minimum: min, maximum: max });
  return createField(
    row,
    (value, context) => {
      if (typeof value === 'string' && value.length > MAX_TEXT) {
        return fail(context, 'String value too large.');
      }
      const number = parseInteger(value);
      if (number === null) {
        return fail(context, 'A valid integer is required.');
      }
      if (number > max) {
        return fail(context, atMost(max));
      }
      return number < min ? fail(context, atLeast(min)) : Number(number);
    },
    { sqlType: 'bigint' },
  );
}

/** A decimal number: `coefficient` times ten to the power of `exponent`. */
type Decimal = Readonly<{ isNegative: boolean; coefficient: string; exponent: number }>;

/** Reads a finite decimal as Python's `Decimal` does. Returns null for other texts. */
function parseDecimal(text: string): Decimal | null {
  const match = /^([+-]?)(?=\d|\.\d)(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,18}))?$/i.exec(
    asciiDigits(text).replaceAll('_', ''),
  );
  if (!match) {
    return null;
  }
  const [, sign, whole = '', fraction = '', power = '0'] = match;
  return {
    isNegative: sign === '-',
    coefficient: `${whole}${fraction}`.replace(/^0+(?=\d)/, ''),
    exponent: Number(power) - fraction.length,
  };
}

/** Returns the number as a multiple of its last decimal place. The caller has limited the exponent. */
const unitsOf = ({ isNegative, coefficient, exponent }: Decimal, places: number): bigint =>
  BigInt(coefficient) * 10n ** BigInt(places + exponent) * (isNegative ? -1n : 1n);

/** Writes a decimal with all its places and without an exponent. */
function fixed({ isNegative, coefficient, exponent }: Decimal, places: number): string {
  const digits = `${coefficient}${'0'.repeat(places + exponent)}`.padStart(places + 1, '0');
  const whole = digits.slice(0, digits.length - places);
  return `${isNegative ? '-' : ''}${whole}${places > 0 ? `.${digits.slice(-places)}` : ''}`;
}

/** Returns the message for a decimal with too many digits, or null. */
function precisionFault(
  { coefficient: { length }, exponent }: Decimal,
  digits: number,
  places: number,
): string | null {
  const after = Math.max(0, -exponent);
  const before = Math.max(0, length + exponent);
  const total = Math.max(length + Math.max(0, exponent), after);
  if (total > digits) {
    return `Ensure that there are no more than ${digits} digits in total.`;
  }
  if (after > places) {
    return `Ensure that there are no more than ${places} decimal places.`;
  }
  return before > digits - places
    ? `Ensure that there are no more than ${digits - places} digits before the decimal point.`
    : null;
}

/**
 * Creates a DecimalField, for a column `numeric(digits, places)`. Values are strings with all
 * their places, so that no digit is lost.
 */
export function decimal({
  digits,
  places,
  min,
  max,
}: Readonly<{
  digits: number;
  places: number;
  min?: number | string;
  max?: number | string;
}>): Field<z.ZodString> {
  const bound = (limit: number | string | undefined): bigint | null => {
    if (limit === undefined) {
      return null;
    }
    const parsed = parseDecimal(String(limit));
    if (!parsed || -parsed.exponent > places) {
      throw new TypeError(`Bounds of a decimal field are numbers with up to ${places} decimal places.`);
    }
    return unitsOf(parsed, places);
  };
  const [least, most] = [bound(min), bound(max)];
  const row = withJsonSchema(z.string(), {
    type: 'string',
    format: 'decimal',
    pattern: `^-?\\d{1,${Math.max(1, digits - places)}}${places > 0 ? `(?:\\.\\d{1,${places}})?` : ''}$`,
  });
  return createField(
    row,
    (value, context) => {
      const text = strip(value instanceof JsonNumber ? value.source : (scalarText(value) ?? ''));
      if (text.length > MAX_TEXT) {
        return fail(context, 'String value too large.');
      }
      const number = parseDecimal(text);
      const fault = number ? precisionFault(number, digits, places) : 'A valid number is required.';
      if (!number || fault !== null) {
        return fail(context, fault ?? '');
      }
      const units = unitsOf(number, places);
      if (max !== undefined && most !== null && units > most) {
        return fail(context, atMost(max));
      }
      return min !== undefined && least !== null && units < least
        ? fail(context, atLeast(min))
        : fixed(number, places);
    },
    { sqlType: 'numeric', isNull: (value) => typeof value === 'string' && strip(value) === '' },
  );
}
