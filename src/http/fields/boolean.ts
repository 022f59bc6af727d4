import { z } from 'zod';

import { JsonNumber } from '../body/json-number.ts';
import { createField, type Field, fail } from './field.ts';

const TRUE = new Set<unknown>([
  ...['t', 'T', 'y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON', '1'],
  1,
  true,
]);
const FALSE = new Set<unknown>([
  ...['f', 'F', 'n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF', '0'],
  0,
  false,
]);
const NULL = new Set<unknown>(['null', 'Null', 'NULL', '']);

/** Creates a BooleanField. Also accepts "true", "1", "on", "yes" and their opposites. */
export const boolean = (): Field<z.ZodBoolean> =>
  createField(
    z.boolean(),
    (value, context) => {
      const given = value instanceof JsonNumber ? value.valueOf() : value;
      return TRUE.has(given) || (!FALSE.has(given) && fail(context, 'Must be a valid boolean.'));
    },
    { sqlType: 'boolean', isNull: (value) => NULL.has(value) },
  );
