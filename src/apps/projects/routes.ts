import type Router from '@koa/router';

import type { RouteDependencies } from '../../definition/dependencies.ts';
import { readBody } from '../../http/body/validate.ts';
import { exportRows } from '../../http/export/export-rows.ts';
import { orNotFound, parseIdentifier } from '../../http/identifier.ts';
import { selectList } from '../../http/lists/list.ts';
import { numberedPages } from '../../http/lists/numbered-page.ts';
import { createRouter, resource, sendCreated } from '../../http/resource.ts';
import { single } from '../../http/single.ts';
import type { Context, State } from '../../http/state.ts';
import { projectPages } from './pages.ts';
import { project } from './project.ts';
import {
  deleteProject,
  insertProject,
  lockProject,
  projectList,
  selectProject,
  updateProject,
} from './queries.ts';

export function routes(dependencies: RouteDependencies): Router<State> {
  const { stacks, idempotency } = dependencies;
  const { authenticated } = stacks.paid;
  const router = createRouter();

  resource(
    router,
    '/api/projects',
    authenticated,
    {
      GET: numberedPages(projectList),
      POST: single(
        (ctx) => insertProject(readBody(ctx, project.body)),
        (ctx, [row]) => sendCreated(ctx, row),
      ),
    },
    { name: 'Project List', fields: project, idempotency },
  );

  // Before the path of one project, which also matches it.
  resource(
    router,
    '/api/projects/export',
    authenticated,
    { GET: exportRows((ctx) => ({ name: 'projects', query: selectList(projectList(ctx)) })) },
    { name: 'Project Export' },
  );

  /** Updates a project. Selects it before it reads the body, so that 404 takes precedence over 400. */
  const change = async (
    ctx: Context,
    body: typeof project.body | typeof project.partialBody,
  ): Promise<void> => {
    const { tx } = ctx.state;
    const id = parseIdentifier(ctx.params.id);
    orNotFound(await tx.maybeOne(selectProject(id)));
    ctx.body = orNotFound(await tx.maybeOne(updateProject(id, readBody(ctx, body))));
  };

  resource(
    router,
    '/api/projects/:id',
    authenticated,
    {
      GET: single(
        (ctx) => selectProject(parseIdentifier(ctx.params.id)),
        (ctx, [row]) => {
          ctx.body = orNotFound(row);
        },
      ),
      PUT: (ctx) => change(ctx, project.body),
      PATCH: (ctx) => change(ctx, project.partialBody),
      DELETE: single(
        (ctx) => deleteProject(parseIdentifier(ctx.params.id)),
        (ctx, [row]) => {
          orNotFound(row);
          ctx.status = 204;
        },
      ),
    },
    {
      name: 'Project Instance',
      fields: project,
      etag: { current: (ctx) => lockProject(parseIdentifier(ctx.params.id)) },
    },
  );

  projectPages(router, dependencies);
  return router;
}
