import { sql } from 'slonik';
import { z } from 'zod';

import { type Page, pageOf, pageRequest } from '../page.ts';
import { type List, type ListContext, selected, whereOf } from './list.ts';
import { orderBy } from './ordering.ts';

/** A row of the page together with the count. An empty page is one row without a place. */
const counted = z.looseObject({ total_count: z.number(), page_place: z.number().nullable() });

/**
 * Returns one page of a list, by `?page=` and `?page_size=`, with the count of all rows, in one
 * query.
 *
 * @throws ApiError `not_found`, `Invalid page.`
 */
export async function numberedPage<Row extends z.ZodObject>(
  ctx: ListContext,
  list: List<Row>,
): Promise<Page<z.output<Row>>> {
  const request = pageRequest(ctx.query);
  const { page, size } = request;
  const [where, order] = [whereOf(list), orderBy(list.order)];
  const offset =
    page === 'last'
      ? sql.fragment`(select greatest((total_count - 1) / ${size} * ${size}, 0) from total)`
      : sql.fragment`${(page - 1) * size}::bigint`;
  const found = await ctx.state.tx.any(sql.type(counted)`
    with total as (
      select count(*) as total_count
      from ${list.from}
      where ${where}
    ),
    page as (
      select ${selected(list)}, row_number() over (order by ${order}) as page_place
      from ${list.from}
      where ${where}
      order by ${order}
      limit ${size}
      offset ${offset}
    )
    select total.total_count, page.*
    from total
    left join page on true
    order by page.page_place
  `);
  const rows = found
    .filter(({ page_place }) => page_place !== null)
    .map(({ total_count: _count, page_place: _place, ...row }) => list.row.parse(row));
  return pageOf(ctx, request, { count: found[0]?.total_count ?? 0, rows });
}
