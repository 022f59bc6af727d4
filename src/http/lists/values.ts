import { type FragmentSqlToken, sql } from 'slonik';
import type { z } from 'zod';

import { fieldInfo } from '../fields/field.ts';

type SqlType = NonNullable<ReturnType<typeof fieldInfo>>['sqlType'];

/** A bound value, with the type that PostgreSQL compares it as. Of a text the column decides: it may be citext or an enum. */
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

/** What a list needs to know of a field's column. */
export function columnInfo(
  schema: z.ZodType | undefined,
): Readonly<{ sqlType: SqlType; isNullable: boolean }> {
  const info = schema ? fieldInfo(schema) : null;
  return { sqlType: info?.sqlType ?? null, isNullable: info?.isNullable ?? false };
}
