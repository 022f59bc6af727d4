import type { FragmentSqlToken, QuerySqlToken } from 'slonik';
import { z } from 'zod';

import { ValidationFailed } from '../../errors.ts';
import type { TenantTransaction } from '../../tenancy/context/with-tenant.ts';
import { createField, type Field, fail, readOnly } from './field.ts';
import { integerRow, parseInteger } from './number.ts';
import { pythonType, scalarText } from './python-text.ts';
import { uuid } from './uuid.ts';

const LARGEST = 9_223_372_036_854_775_807n;
const MAX_SHOWN = 100;

const noSuch = (pk: unknown): string =>
  `Invalid pk "${String(pk).slice(0, MAX_SHOWN)}" - object does not exist.`;

/**
 * Creates a PrimaryKeyRelatedField: the `bigint` id of another row of the tenant.
 *
 * The foreign key checks that the row exists: its violation is reported as "Invalid pk" on the
 * field. Use `assertExists` where there is no foreign key.
 */
export const relation = (): Field<z.ZodType<number>> =>
  createField(
    integerRow(),
    (value, context) => {
      if (value === '') {
        return fail(context, 'This field may not be null.');
      }
      const id = /[.]/.test(scalarText(value) ?? '.') ? null : parseInteger(value);
      if (id === null) {
        return fail(context, `Incorrect type. Expected pk value, received ${pythonType(value)}.`);
      }
      const isExact = id >= -LARGEST && id <= LARGEST && Number.isSafeInteger(Number(id));
      return isExact ? Number(id) : fail(context, noSuch(value));
    },
    { sqlType: 'bigint', isNull: (value) => value === '' },
  );

/** Creates the read-only field for the id of the row itself. */
export const id = (): z.ZodReadonly<Field<z.ZodType<number>>> => readOnly(relation());

/** Creates a relation to a row whose id is a UUID. */
export const uuidRelation = (): Field<z.ZodString> => uuid();

/**
 * Checks that a related row exists and may be referenced.
 *
 * @param rows a `select` of the rows that may be referenced, with the condition on the id
 * @throws ValidationFailed on the field
 */
export async function assertExists(
  tx: TenantTransaction,
  field: string,
  id: number | string | null | undefined,
  rows: FragmentSqlToken | QuerySqlToken,
): Promise<void> {
  if (id === null || id === undefined) {
    return;
  }
  // Loaded here: the declarations of apps use fields, and most commands need no Slonik.
  const { sql } = await import('slonik');
  const found = sql.type(z.object({ exists: z.boolean() }));
  if (!(await tx.one(found`select exists (${rows}) as exists`)).exists) {
    throw new ValidationFailed({ [field]: [noSuch(id)] });
  }
}
