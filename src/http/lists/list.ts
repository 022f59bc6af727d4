import { type FragmentSqlToken, type QuerySqlToken, sql } from 'slonik';
import type { z } from 'zod';

import type { Context } from '../state.ts';
import { type Order, orderBy } from './ordering.ts';
import { allOf } from './parameters.ts';

/** The query behind a page. */
export type List<Row extends z.ZodObject> = Readonly<{
  /** Schema of a row. */
  row: Row;
  /** The selected columns. Default: a column for each key of `row`. */
  columns?: FragmentSqlToken;
  /** Table and joins. */
  from: FragmentSqlToken;
  /** Conditions: of `searchFor`, `filtersFor`, and the app's own. */
  where?: readonly FragmentSqlToken[];
  order: Order;
}>;

type Request = Pick<Context, 'protocol' | 'host' | 'path' | 'querystring' | 'query'>;

/** What the query of a page needs from a request. */
export type PageContext = Request & Readonly<{ state: Pick<Context['state'], 'tenant' | 'limits'> }>;

/** What pages need from a request. */
export type ListContext = Request & Readonly<{ state: Pick<Context['state'], 'tx' | 'tenant' | 'limits'> }>;

/** Returns the columns of a row schema, for `select` and `returning`. */
export const columnsOf = (row: z.ZodObject): FragmentSqlToken =>
  sql.fragment`${sql.join(
    Object.keys(row.shape).map((name) => sql.identifier([name])),
    sql.fragment`, `,
  )}`;

export const selected = ({ columns, row }: Pick<List<z.ZodObject>, 'columns' | 'row'>): FragmentSqlToken =>
  columns ?? columnsOf(row);

/** Returns the query of all rows of a list, without pages, for `exportRows`. */
export const selectList = <Row extends z.ZodObject>(list: List<Row>): QuerySqlToken<Row> =>
  sql.type(list.row)`
    select ${selected(list)}
    from ${list.from}
    where ${whereOf(list)}
    order by ${orderBy(list.order)}
  `;

export const whereOf = ({ where = [] }: Pick<List<z.ZodObject>, 'where'>): FragmentSqlToken => allOf(where);
