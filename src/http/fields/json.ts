import { type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';

import { JsonNumber } from '../body/json-number.ts';
import { parseJson } from '../body/parse-json.ts';
import { createField, type Field, fail, withJsonSchema } from './field.ts';

/** Maximum digits before or after the decimal point of a number for jsonb. PostgreSQL accepts more. */
const MAX_EXPONENT = 1_000;

/** Returns the message for a value that jsonb does not accept, or null. */
function jsonFault(value: unknown): string | null {
  if (typeof value === 'string') {
    return value.includes('\0') ? 'Null characters are not allowed.' : null;
  }
  if (typeof value === 'number' || value instanceof JsonNumber) {
    const [, exponent = '0'] = /e([+-]?\d+)$/i.exec(value instanceof JsonNumber ? value.source : '') ?? [];
    const isKept = Math.abs(Number(exponent)) <= MAX_EXPONENT;
    return isKept && (value instanceof JsonNumber || Number.isFinite(value))
      ? null
      : 'Value must be valid JSON.';
  }
  if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      const fault = jsonFault(key) ?? jsonFault(member);
      if (fault !== null) {
        return fault;
      }
    }
  }
  return null;
}

/** Returns the value of a JSON text, or a value that `jsonFault` rejects. */
function fromForm(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return Number.NaN;
  }
}

/** Creates a JSONField, for a `jsonb` column. Numbers keep their digits: write the value with `jsonb`. */
export const json = (): Field<z.ZodUnknown> =>
  createField(
    withJsonSchema(z.unknown(), {}),
    (value, context) => {
      const fault = jsonFault(value);
      return fault === null ? value : fail(context, fault);
    },
    { sqlType: 'jsonb', fromForm },
  );

/** Returns the SQL of a value of a `json` field. */
export const jsonb = (value: unknown): FragmentSqlToken =>
  sql.fragment`${JSON.stringify(value ?? null)}::jsonb`;
