import { z } from 'zod';

import { validate } from '../../http/body/validate.ts';
import { lastValue } from '../../http/lists/parameters.ts';
import { type Page, pageOf, pageRequest, windowOf } from '../../http/page.ts';
import type { Context } from '../../http/state.ts';
import type { Listed, Window } from '../../tenancy/operations/operators.ts';

/**
 * Returns a page of a list of the engine, by `?page=` and `?page_size=`.
 *
 * @throws ApiError `not_found`, `Invalid page.`
 */
export async function pageFrom<Row, Item>(
  ctx: Context,
  list: (window: Window) => Promise<Listed<Row>>,
  present: (row: Row) => Item,
): Promise<Page<Item>> {
  const request = pageRequest(ctx.query);
  const count = request.page === 'last' ? (await list({ limit: 1, offset: 0 })).count : 0;
  const found = await list(windowOf(request, count));
  return pageOf(ctx, request, { count: found.count, rows: found.results.map(present) });
}

/**
 * Returns the filters of a query string. Empty ones are missing, and other parameters are ignored.
 *
 * @throws ValidationFailed with the parameter's name
 */
export function readQuery<Shape extends z.ZodRawShape>(
  ctx: Pick<Context, 'query'>,
  shape: Shape,
): z.infer<z.ZodObject<Shape>> {
  const given = Object.keys(shape).flatMap((name) => {
    const value = lastValue(ctx.query, name);
    return value === undefined || value === '' ? [] : [[name, value] as const];
  });
  return validate(z.object(shape), Object.fromEntries(given));
}
