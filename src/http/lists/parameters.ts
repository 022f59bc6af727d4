import { type FragmentSqlToken, sql } from 'slonik';

import type { ListRecorder, RECORDER } from './recorder.ts';

/** The query string, as Koa parses it. */
export type Query = Readonly<Record<string, string | string[] | undefined>> &
  Readonly<{ [RECORDER]?: ListRecorder }>;

/** Limits of a list's query string: of the tenant, if the app passes `ctx.state.limits`. */
export type ListLimits = Readonly<{
  /** Maximum characters of `?search=`. Default: 500. */
  searchLength?: number;
  /** Maximum words of `?search=`. Default: 20. */
  searchWords?: number;
  /** Maximum values of a filter `__in`. Default: 100. */
  filterValues?: number;
}>;

/** Columns by field, for fields whose column has another name or needs a table name. */
export type Columns = Readonly<Record<string, FragmentSqlToken>>;

/** Returns the last value of a parameter, as Django does, or undefined when it is missing. */
export const lastValue = (query: Query, name: string): string | undefined =>
  Object.hasOwn(query, name) ? [query[name] ?? []].flat().at(-1) : undefined;

export const columnOf = (columns: Columns, name: string): FragmentSqlToken =>
  (Object.hasOwn(columns, name) ? columns[name] : undefined) ?? sql.fragment`${sql.identifier([name])}`;

export const tooMany = (max: number): string => `Ensure this field has no more than ${max} elements.`;

/** Joins conditions with `and`. An empty list is `true`. */
export const allOf = (conditions: readonly FragmentSqlToken[]): FragmentSqlToken =>
  conditions.length === 0
    ? sql.fragment`true`
    : sql.fragment`(${sql.join([...conditions], sql.fragment` and `)})`;

/** Joins conditions with `or`. */
export const anyOf = (conditions: readonly FragmentSqlToken[]): FragmentSqlToken =>
  sql.fragment`(${sql.join([...conditions], sql.fragment` or `)})`;

/** Returns a text escaped for a `like` pattern. */
export const escapeLike = (text: string): string => text.replaceAll(/[\\%_]/g, '\\$&');
