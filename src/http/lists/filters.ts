import { type FragmentSqlToken, sql } from 'slonik';
import type { z } from 'zod';

import { ValidationFailed } from '../../errors.ts';
import { boolean } from '../fields/boolean.ts';
import { fieldInfo } from '../fields/field.ts';
import {
  allOf,
  type Columns,
  columnOf,
  escapeLike,
  type ListLimits,
  lastValue,
  type Query,
  tooMany,
} from './parameters.ts';
import { RECORDER } from './recorder.ts';
import { bound, columnInfo } from './values.ts';

/** The comparisons of a filter. `exact` is `?field=`, the others are `?field__gt=`. */
export type Lookup = 'exact' | 'gt' | 'gte' | 'lt' | 'lte' | 'in' | 'isnull' | 'icontains';

type Fields = Readonly<Record<string, z.ZodType>>;

const MAX_VALUES = 100;

const COMPARISONS = {
  exact: sql.fragment`=`,
  gt: sql.fragment`>`,
  gte: sql.fragment`>=`,
  lt: sql.fragment`<`,
  lte: sql.fragment`<=`,
} as const;

/** Parses a value with a field, and adds its errors to `faults`. */
function parse(schema: z.ZodType, text: string, faults: string[]): unknown {
  const result = schema.safeParse(text);
  if (!result.success) {
    faults.push(...result.error.issues.map(({ message }) => message));
  }
  return result.data instanceof Date ? result.data.toISOString() : result.data;
}

/** Returns the condition of one parameter. Returns null, and adds to `faults`, for an invalid value. */
function condition(
  schema: z.ZodType,
  column: FragmentSqlToken,
  lookup: Lookup,
  text: string,
  faults: string[],
  maxValues: number,
): FragmentSqlToken | null {
  const { sqlType } = columnInfo(schema);
  const field = fieldInfo(schema)?.base ?? schema;
  if (lookup === 'isnull') {
    return parse(boolean(), text, faults) === true
      ? sql.fragment`${column} is null`
      : sql.fragment`${column} is not null`;
  }
  if (lookup === 'in') {
    const parts = text.split(',', maxValues + 1);
    if (parts.length > maxValues) {
      faults.push(tooMany(maxValues));
      return null;
    }
    const values = parts.map((part) => parse(field, part, faults));
    return faults.length > 0
      ? null
      : sql.fragment`${column} in (${sql.join(
          values.map((value) => bound(value, sqlType)),
          sql.fragment`, `,
        )})`;
  }
  const value = parse(field, text, faults);
  if (faults.length > 0) {
    return null;
  }
  return lookup === 'icontains'
    ? sql.fragment`${column} ilike ${`%${escapeLike(String(value))}%`}`
    : sql.fragment`${column} ${COMPARISONS[lookup]} ${bound(value, sqlType)}`;
}

/**
 * Returns the conditions of the filters in a query string, in the syntax of django-filter:
 * `?status=open&created_at__gte=2026-01-01T00:00Z&id__in=1,2`. Only parameters in `allowed` are
 * filters. Other parameters and empty values are ignored.
 *
 * @throws ValidationFailed with the parameter's name, for values that the field rejects
 */
export function filtersFor<Shape extends Fields>(
  query: Query,
  fields: Shape,
  allowed: Readonly<{ [Name in keyof Shape]?: readonly Lookup[] }>,
  { columns = {}, limits }: Readonly<{ columns?: Columns; limits?: ListLimits | undefined }> = {},
): FragmentSqlToken {
  query[RECORDER]?.filters(fields, allowed);
  const conditions: FragmentSqlToken[] = [];
  const errors: Record<string, readonly string[]> = {};
  for (const [name, lookups] of Object.entries<readonly Lookup[] | undefined>(allowed)) {
    const schema = fields[name];
    for (const lookup of schema ? (lookups ?? []) : []) {
      const parameter = lookup === 'exact' ? name : `${name}__${lookup}`;
      const text = lastValue(query, parameter) ?? '';
      const faults: string[] = [];
      const added =
        text === '' || !schema
          ? null
          : condition(
              schema,
              columnOf(columns, name),
              lookup,
              text,
              faults,
              limits?.filterValues ?? MAX_VALUES,
            );
      if (faults.length > 0) {
        errors[parameter] = [...new Set(faults)];
      } else if (added) {
        conditions.push(added);
      }
    }
  }
  if (Object.keys(errors).length > 0) {
    throw new ValidationFailed(errors);
  }
  return allOf(conditions);
}
