import { type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';

import { originOf } from '../host.ts';
import { operation } from '../openapi/description.ts';
import { pageSize } from '../page.ts';
import { singleQuery } from '../single.ts';
import type { Handler } from '../state.ts';
import { type Cursor, decodeCursor, encodeCursor } from './cursor.ts';
import { type List, type ListContext, type PageContext, selected, whereOf } from './list.ts';
import { type Order, type OrderTerm, orderBy } from './ordering.ts';
import { allOf, anyOf, lastValue } from './parameters.ts';
import { bound } from './values.ts';

/** The body of a list with cursors. */
export type CursorPage<T> = Readonly<{
  next: string | null;
  previous: string | null;
  results: readonly T[];
}>;

const positioned = z.looseObject({ page_position: z.array(z.string().nullable()) });

/** Returns the condition that a term's column is after a value. PostgreSQL orders null as the greatest value. */
function beyond({ column, sqlType, isNullable }: OrderTerm, value: string | null, isGreater: boolean) {
  if (value === null) {
    return isGreater ? sql.fragment`false` : sql.fragment`${column} is not null`;
  }
  if (!isGreater) {
    return sql.fragment`${column} < ${bound(value, sqlType)}`;
  }
  const greater = sql.fragment`${column} > ${bound(value, sqlType)}`;
  return isNullable ? sql.fragment`(${greater} or ${column} is null)` : greater;
}

const at = ({ column, sqlType }: OrderTerm, value: string | null): FragmentSqlToken =>
  value === null ? sql.fragment`${column} is null` : sql.fragment`${column} = ${bound(value, sqlType)}`;

/** Returns the condition for the rows after a position, or before it. */
function keyset(order: Order, { isReversed, position }: Cursor): FragmentSqlToken {
  if (position === null) {
    return sql.fragment`true`;
  }
  const isGreater = ({ isDescending }: OrderTerm) => isDescending === isReversed;
  const values = position.map((value, index) => [order[index], value] as const);
  const terms = values.flatMap(([term, value]) => (term ? [{ term, value }] : []));
  const [first] = order;
  // PostgreSQL can use an index for a comparison of rows.
  if (first && order.every((term) => !term.isNullable && isGreater(term) === isGreater(first))) {
    const columns = sql.join(
      order.map(({ column }) => column),
      sql.fragment`, `,
    );
    const row = sql.join(
      terms.map(({ term, value }) => bound(value, term.sqlType)),
      sql.fragment`, `,
    );
    return isGreater(first) ? sql.fragment`(${columns}) > (${row})` : sql.fragment`(${columns}) < (${row})`;
  }
  return anyOf(
    terms.map(({ term, value }, index) =>
      allOf([
        ...terms.slice(0, index).map((before) => at(before.term, before.value)),
        beyond(term, value, isGreater(term)),
      ]),
    ),
  );
}

/** Returns the query of one page, and a function that makes the page of its rows. */
function pageQuery<Row extends z.ZodObject>(ctx: PageContext, list: List<Row>) {
  const { order } = list;
  const size = pageSize(ctx.query);
  const scope = { tenant: ctx.state.tenant.id, path: ctx.path, order };
  const text = lastValue(ctx.query, 'cursor');
  const cursor: Cursor =
    text === undefined ? { isReversed: false, position: null } : decodeCursor(scope, text);
  const position = sql.join(
    order.map(({ column }) => sql.fragment`to_jsonb(${column}) #>> '{}'`),
    sql.fragment`, `,
  );
  const query = sql.type(positioned)`
    select ${selected(list)}, array[${position}]::text[] as page_position
    from ${list.from}
    where ${allOf([whereOf(list), keyset(order, cursor)])}
    order by ${orderBy(order, cursor)}
    limit ${size + 1}
  `;
  const toPage = (found: ReadonlyArray<z.output<typeof positioned>>): CursorPage<z.output<Row>> => {
    const page = found.slice(0, size);
    if (cursor.isReversed) {
      page.reverse();
    }
    const link = (isReversed: boolean, from: (typeof page)[number] | undefined): string => {
      const parameters = new URLSearchParams(ctx.querystring);
      parameters.set('cursor', encodeCursor(scope, { isReversed, position: from?.page_position ?? null }));
      return `${originOf(ctx)}${ctx.path}?${parameters}`;
    };
    const hasMore = found.length > size;
    const isFromEnd = cursor.isReversed && cursor.position === null;
    const hasNext = cursor.isReversed ? !isFromEnd : hasMore;
    const hasPrevious = cursor.isReversed ? hasMore : cursor.position !== null;
    return {
      next: hasNext ? link(false, page.at(-1)) : null,
      previous: hasPrevious ? link(true, page[0]) : null,
      results: page.map(({ page_position: _position, ...row }) => list.row.parse(row)),
    };
  };
  return { query, toPage };
}

/**
 * Returns one page of a list, by `?cursor=` and `?page_size=`, as Django REST Framework's
 * CursorPagination does. It neither counts nor skips rows, so the last page of a large list takes
 * no longer than the first, and rows added meanwhile do not shift pages.
 *
 * @throws ApiError `not_found`, `Invalid cursor`
 */
export async function cursorPage<Row extends z.ZodObject>(
  ctx: ListContext,
  list: List<Row>,
): Promise<CursorPage<z.output<Row>>> {
  const { query, toPage } = pageQuery(ctx, list);
  return toPage(await ctx.state.tx.any(query));
}

/** Creates the handler of a route that returns such a page and nothing else: see `single`. */
export const cursorPages = <Row extends z.ZodObject>(listOf: (ctx: PageContext) => List<Row>): Handler =>
  operation(
    { list: { paging: 'cursor', listOf } },
    singleQuery<typeof positioned>((ctx) => {
      const { query, toPage } = pageQuery(ctx, listOf(ctx));
      return {
        query,
        respond: (rows) => {
          ctx.body = toPage(rows);
        },
      };
    }),
  );
