import { imports } from './imports.ts';
import type { NewApp } from './layout.ts';
import { namesOf } from './names.ts';

export function routesFile({ name, layout }: NewApp): string {
  const { row, Row, path: url } = namesOf(name);
  const engine = imports(
    layout,
    [
      'createRouter',
      'numberedPages',
      'orNotFound',
      'parseIdentifier',
      'type RouteDependencies',
      'readBody',
      'resource',
      'sendCreated',
      'single',
      ...(layout.ofEngine ? ['type State'] : []),
    ],
    '../..',
  );
  return `${layout.ofEngine ? "import type Router from '@koa/router';\n\n" : ''}${engine}
import { ${row} } from './fields.ts';
import { delete${Row}, insert${Row}, ${row}List, select${Row}, update${Row} } from './queries.ts';

export function routes({ stacks }: RouteDependencies)${layout.ofEngine ? ': Router<State>' : ''} {
  // The caller is a logged-in user of the tenant.
  const { authenticated } = stacks.paid;
  const router = createRouter();

  // The last argument describes the path in the OpenAPI document: /api/docs/.
  resource(
    router,
    '${url}',
    authenticated,
    {
      GET: numberedPages(${row}List),
      POST: single(
        (ctx) => insert${Row}(readBody(ctx, ${row}.body)),
        (ctx, [row]) => sendCreated(ctx, row),
      ),
    },
    { fields: ${row} },
  );

  resource(
    router,
    '${url}/:id',
    authenticated,
    {
      GET: single(
        (ctx) => select${Row}(parseIdentifier(ctx.params.id)),
        (ctx, [row]) => {
          ctx.body = orNotFound(row);
        },
      ),
      // Two statements, in one transaction inside the tenant: a missing row is 404, also with an invalid body.
      PATCH: async (ctx) => {
        const { tx } = ctx.state;
        const id = parseIdentifier(ctx.params.id);
        orNotFound(await tx.maybeOne(select${Row}(id)));
        ctx.body = orNotFound(await tx.maybeOne(update${Row}(id, readBody(ctx, ${row}.partialBody))));
      },
      DELETE: single(
        (ctx) => delete${Row}(parseIdentifier(ctx.params.id)),
        (ctx, [row]) => {
          orNotFound(row);
          ctx.status = 204;
        },
      ),
    },
    { fields: ${row} },
  );

  return router;
}
`;
}
