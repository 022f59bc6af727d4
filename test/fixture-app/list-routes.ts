import type Router from '@koa/router';
import { sql } from 'slonik';
import { z } from 'zod';
import { readBody } from '../../src/http/body/validate.ts';
import { exportRows } from '../../src/http/export/export-rows.ts';
import { text } from '../../src/http/fields/text.ts';
import type { IdempotencyStore } from '../../src/http/idempotency.ts';
import { orNotFound, parseIdentifier } from '../../src/http/identifier.ts';
import { searchFor } from '../../src/http/lists/search.ts';
import { operation } from '../../src/http/openapi/description.ts';
import { pageOfRows, pageParameters } from '../../src/http/openapi/parameters.ts';
import { pageOf, pageRequest } from '../../src/http/page.ts';
import { createRouter, resource, sendCreated } from '../../src/http/resource.ts';
import { single } from '../../src/http/single.ts';
import type { AppMiddleware, Context, State } from '../../src/http/state.ts';

const note = z
  .object({ id: z.number(), name: z.string(), description: z.string() })
  .strict()
  .meta({ id: 'Note' });
/** An empty page is one row of nulls next to the count. */
const listed = z.object({
  count: z.number(),
  id: z.number().nullable(),
  name: z.string().nullable(),
  description: z.string().nullable(),
});
const whole = z.object({ name: text({ max: 255 }), description: text({ blank: true }).optional() });
const partial = whole.partial();
const described = { fields: whole.shape, body: whole, partialBody: partial, row: note };
const LISTED = {
  query: { search: z.string().optional(), ...pageParameters },
  response: pageOfRows(note, 'numbered'),
};

/** Returns a list and its rows as an app would serve them, from a table with `id`, `name` and `description`. */
export function listRoutes(
  {
    path,
    table,
    idempotency,
  }: Readonly<{ path: string; table: string; idempotency?: IdempotencyStore | null }>,
  { authenticated }: Readonly<{ authenticated: readonly AppMiddleware[] }>,
): Router<State> {
  const router = createRouter();
  const rows = sql.identifier([table]);

  const handlers = {
    GET: operation(LISTED, async (ctx: Context) => {
      const request = pageRequest(ctx.query);
      const matches = searchFor(ctx.query, ['name', 'description'], { limits: ctx.state.limits });
      const offset =
        request.page === 'last'
          ? sql.fragment`(select greatest((count - 1) / ${request.size} * ${request.size}, 0) from total)`
          : sql.fragment`${(request.page - 1) * request.size}::bigint`;
      const found = await ctx.state.tx.any(sql.type(listed)`
        with total as (
          select count(*) as count
          from ${rows}
          where ${matches}
        ),
        page as (
          select id, name, description
          from ${rows}
          where ${matches}
          order by id
          limit ${request.size}
          offset ${offset}
        )
        select total.count, page.id, page.name, page.description
        from total
        left join page on true
        order by page.id
      `);
      ctx.body = pageOf(ctx, request, {
        count: found[0]?.count ?? 0,
        rows: found.flatMap(({ count: _count, ...row }) => (row.id === null ? [] : [row])),
      });
    }),
    POST: single(
      (ctx) => {
        const { name, description = '' } = readBody(ctx, whole);
        return sql.type(note)`
          insert into ${rows} (name, description)
          values (${name}, ${description})
          returning id, name, description
        `;
      },
      (ctx, [row]) => sendCreated(ctx, row),
    ),
  };
  resource(router, path, authenticated, handlers, { idempotency, fields: described });

  resource(router, `${path}/export`, authenticated, {
    GET: exportRows((ctx) => ({
      name: table,
      query: sql.type(note)`
        select id, name, description
        from ${rows}
        where ${searchFor(ctx.query, ['name'], { limits: ctx.state.limits })}
        order by id
      `,
    })),
  });

  const find = (id: string | undefined) =>
    sql.type(note)`
      select id, name, description
      from ${rows}
      where id = ${parseIdentifier(id)}::bigint
    `;

  const change = async (ctx: Parameters<typeof readBody>[0], fields: typeof whole | typeof partial) => {
    const { id } = (ctx as unknown as { params: { id: string } }).params;
    orNotFound(await ctx.state.tx.maybeOne(find(id)));
    const { name = null, description = null } = readBody(ctx, fields as typeof partial);
    ctx.body = orNotFound(
      await ctx.state.tx.maybeOne(sql.type(note)`
        update ${rows}
        set
          name = coalesce(${name}::text, name),
          description = coalesce(${description}::text, description)
        where id = ${parseIdentifier(id)}::bigint
        returning id, name, description
      `),
    );
  };

  const row: Parameters<typeof resource>[3] = {
    GET: single(
      (ctx) => find(ctx.params.id),
      (ctx, [row]) => {
        ctx.body = orNotFound(row);
      },
    ),
    PUT: (ctx) => change(ctx, whole),
    PATCH: (ctx) => change(ctx, partial),
    DELETE: single(
      (ctx) => sql.type(z.object({ id: z.number() }))`
        delete from ${rows}
        where id = ${parseIdentifier(ctx.params.id)}::bigint
        returning id
      `,
      (ctx, [row]) => {
        orNotFound(row);
        ctx.status = 204;
      },
    ),
  };
  const current = (ctx: Context) =>
    sql.type(note)`
      select id, name, description
      from ${rows}
      where id = ${parseIdentifier(ctx.params.id)}::bigint
      for update
    `;
  resource(router, `${path}/:id`, authenticated, row, { etag: { current }, fields: described });
  resource(router, `${path}/:id/strict`, authenticated, row, {
    etag: { current, isRequired: true },
    fields: described,
  });

  return router;
}
