import { type FragmentSqlToken, sql } from 'slonik';
import type { z } from 'zod';

import { type Columns, columnOf, lastValue, type Query } from './parameters.ts';
import { RECORDER } from './recorder.ts';
import { columnInfo } from './values.ts';

export type OrderTerm = Readonly<{
  name: string;
  column: FragmentSqlToken;
  isDescending: boolean;
}> &
  ReturnType<typeof columnInfo>;

/** The order of a list. Its last term is unique, so that no row is on two pages. */
export type Order = readonly OrderTerm[];

type Fields = Readonly<Record<string, z.ZodType>>;

/**
 * Returns the order of `?ordering=-created_at,name`, as Django REST Framework's OrderingFilter
 * does. Fields that `allowed` does not list are ignored. If none remains, `standard` applies.
 *
 * @param unique field that orders last. Default: `id`
 */
export function orderingFor<Shape extends Fields>(
  query: Query,
  fields: Shape,
  {
    allowed,
    standard = [],
    unique = 'id',
    columns = {},
  }: Readonly<{
    allowed: readonly (keyof Shape & string)[];
    standard?: readonly (`-${keyof Shape & string}` | (keyof Shape & string))[];
    unique?: keyof Shape & string;
    columns?: Columns;
  }>,
): Order {
  query[RECORDER]?.ordering(allowed, standard);
  const termOf = (text: string): OrderTerm => {
    const name = text.replace(/^-/, '');
    return {
      name,
      column: columnOf(columns, name),
      isDescending: text.startsWith('-'),
      ...columnInfo(fields[name]),
    };
  };
  const requested = (lastValue(query, 'ordering') ?? '')
    .split(',', 100)
    .map((text) => text.trim())
    .filter((text) => allowed.includes(text.replace(/^-/, '')));
  const terms = [...(requested.length > 0 ? requested : standard), unique].map(termOf);
  const distinct = terms.filter(({ name }, index) => terms.findIndex((term) => term.name === name) === index);
  // Terms after the unique field have no effect.
  return distinct.slice(0, distinct.findIndex(({ name }) => name === unique) + 1);
}

/** Returns the terms of `order by`. */
export const orderBy = (order: Order, { isReversed = false } = {}): FragmentSqlToken =>
  sql.fragment`${sql.join(
    order.map(({ column, isDescending }) =>
      isDescending === isReversed ? sql.fragment`${column} asc` : sql.fragment`${column} desc`,
    ),
    sql.fragment`, `,
  )}`;
