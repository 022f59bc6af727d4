import { z } from 'zod';

import { JsonNumber } from '../body/json-number.ts';
import { createField, type Field, fail, withJsonSchema } from './field.ts';

const MAX = 2n ** 128n;

/** Reads a UUID as Python's `uuid.UUID` does: with or without hyphens, braces and `urn:uuid:`, or a number. */
function parseUuid(value: unknown): string | null {
  let hex = '';
  if (typeof value === 'string' && value.length <= 100) {
    hex = value
      .replaceAll(/urn:|uuid:/g, '')
      .replaceAll(/^[{}]+|[{}]+$|-/g, '')
      .toLowerCase();
  } else if (
    Number.isSafeInteger(value) ||
    (value instanceof JsonNumber && /^\d{1,39}$/.test(value.source))
  ) {
    const number = BigInt(String(value));
    hex = number >= 0n && number < MAX ? number.toString(16).padStart(32, '0') : '';
  }
  return /^[0-9a-f]{32}$/.test(hex) ? hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') : null;
}

/** Creates a UUIDField. Values are lowercase and have hyphens. */
export const uuid = (): Field<z.ZodString> =>
  createField(
    withJsonSchema(z.string(), { type: 'string', format: 'uuid' }),
    (value, context) => parseUuid(value) ?? fail(context, 'Must be a valid UUID.'),
    { sqlType: 'uuid' },
  );
