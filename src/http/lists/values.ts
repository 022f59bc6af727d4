import { type FragmentSqlToken, sql } from 'slonik';
import type { z } from 'zod';

import { fieldInfo } from '../fields/field.ts';

type SqlType = NonNullable<ReturnType<typeof fieldInfo>>['sqlType'];

/**
 * Returns a bound value, with the type in which PostgreSQL compares it. A text has the column's
 * type, which may be citext or an enum.
 */
export function bound(value: unknown, type: SqlType): FragmentSqlToken {
  const given = value as string | number | boolean;
  switch (type) {
    case 'bigint':
      return sql.fragment`${given}::bigint`;
    case 'boolean':
      return sql.fragment`${given}::boolean`;
    case 'date':
      return sql.fragment`${given}::date`;
    case 'numeric':
      return sql.fragment`${given}::numeric`;
    case 'timestamptz':
      return sql.fragment`${given}::timestamptz`;
    case 'uuid':
      return sql.fragment`${given}::uuid`;
    default:
      return sql.fragment`${given}`;
  }
}

/** Returns what a list needs to know about a field's column. */
export function columnInfo(
  schema: z.ZodType | undefined,
): Readonly<{ sqlType: SqlType; isNullable: boolean }> {
  const info = schema ? fieldInfo(schema) : null;
  return { sqlType: info?.sqlType ?? null, isNullable: info?.isNullable ?? false };
}
