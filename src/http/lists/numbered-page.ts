import { sql } from 'slonik';
import { z } from 'zod';

import { operation } from '../openapi/description.ts';
import { type Page, pageOf, pageRequest } from '../page.ts';
import { singleQuery } from '../single.ts';
import type { Handler } from '../state.ts';
import { type List, type ListContext, type PageContext, selected, whereOf } from './list.ts';
import { orderBy } from './ordering.ts';

export type NumberedPageOptions = Readonly<{
  /**
   * Maximum number of rows that are counted. A longer list has this `count`, and its pages behind
   * the counted rows are still served. Default: all rows are counted.
   */
  maxCount?: number;
}>;

/** A row of the page together with the count. */
type Counted = Readonly<{ total_count: number }>;

/** Row schemas with the count. zod compiles a schema once, which costs more than the rows of a page. */
const countedRows = new WeakMap<z.ZodObject, z.ZodType<Counted>>();

function countedRowOf(row: z.ZodObject): z.ZodType<Counted> {
  const known = countedRows.get(row);
  if (known) {
    return known;
  }
  const counted = row.safeExtend({ total_count: z.number() }) as unknown as z.ZodType<Counted>;
  countedRows.set(row, counted);
  return counted;
}

/** Returns the query of one page, and a function that makes the page of its rows. */
function pageQuery<Row extends z.ZodObject>(
  ctx: PageContext,
  list: List<Row>,
  { maxCount }: NumberedPageOptions,
) {
  const request = pageRequest(ctx.query);
  const { page, size } = request;
  const [where, order] = [whereOf(list), orderBy(list.order)];
  const matches =
    maxCount === undefined
      ? sql.fragment`from ${list.from} where ${where}`
      : // One more row shows whether the list is longer.
        sql.fragment`from (select from ${list.from} where ${where} limit ${maxCount + 1}) as counted`;
  const limit = maxCount === undefined ? size : size + 1;
  const total = sql.fragment`(select count(*) ${matches})`;
  // A page without rows has no count: it is page 1 of an empty list, or it does not exist.
  const query =
    page === 'last'
      ? sql.type(countedRowOf(list.row))`
          with list_total as (
            select ${maxCount === undefined ? total : sql.fragment`least(${total}, ${maxCount}::bigint)`} as total_count
          )
          select ${selected(list)}, (select total_count from list_total) as total_count
          from ${list.from}
          where ${where}
          order by ${order}
          limit ${limit}
          offset (select greatest((total_count - 1) / ${size} * ${size}, 0) from list_total)
        `
      : sql.type(countedRowOf(list.row))`
          select ${selected(list)}, ${total} as total_count
          from ${list.from}
          where ${where}
          order by ${order}
          limit ${limit}
          offset ${(page - 1) * size}::bigint
        `;
  const toPage = (found: readonly Counted[]): Page<z.output<Row>> => {
    const rows = found
      .slice(0, size)
      .map(({ total_count: _count, ...row }) => row as unknown as z.output<Row>);
    const total = found[0]?.total_count ?? 0;
    return maxCount === undefined
      ? pageOf(ctx, request, { count: total, rows })
      : pageOf(ctx, request, { count: Math.min(total, maxCount), rows, hasNext: found.length > size });
  };
  return { query, toPage };
}

/**
 * Returns one page of a list, by `?page=` and `?page_size=`, with the count of all rows, in one
 * query.
 *
 * @throws ApiError `not_found`, `Invalid page.`
 */
export async function numberedPage<Row extends z.ZodObject>(
  ctx: ListContext,
  list: List<Row>,
  options: NumberedPageOptions = {},
): Promise<Page<z.output<Row>>> {
  const { query, toPage } = pageQuery(ctx, list, options);
  return toPage(await ctx.state.tx.any(query));
}

/** Creates the handler of a route that returns such a page and nothing else: see `single`. */
export const numberedPages = <Row extends z.ZodObject>(
  listOf: (ctx: PageContext) => List<Row>,
  options: NumberedPageOptions = {},
): Handler =>
  operation(
    { list: { paging: 'numbered', listOf } },
    singleQuery<z.ZodType<Counted>>((ctx) => {
      const { query, toPage } = pageQuery(ctx, listOf(ctx), options);
      return {
        query,
        respond: (rows) => {
          ctx.body = toPage(rows);
        },
      };
    }),
  );
