import type Router from '@koa/router';

import type { RouteDependencies } from '../../definition/define-app.ts';
import { readBody } from '../../http/body/validate.ts';
import { orNotFound, parseIdentifier } from '../../http/identifier.ts';
import { createRouter, resource, sendCreated } from '../../http/resource.ts';
import type { Context, State } from '../../http/state.ts';
import { project } from './project.ts';
import { deleteProject, findProject, insertProject, listProjects, updateProject } from './queries.ts';

export function routes({ stacks }: RouteDependencies): Router<State> {
  const { authenticated } = stacks.paid;
  const router = createRouter();

  resource(
    router,
    '/api/projects',
    authenticated,
    {
      GET: async (ctx) => {
        ctx.body = await listProjects(ctx);
      },
      POST: async (ctx) => {
        sendCreated(ctx, await insertProject(ctx.state.tx, readBody(ctx, project.body)));
      },
    },
    { name: 'Project List', fields: project.fields },
  );

  /** Changes a row. Loads it before the body is read: 404 takes precedence over 400. */
  const change = async (
    ctx: Context,
    body: typeof project.body | typeof project.partialBody,
  ): Promise<void> => {
    const id = parseIdentifier(ctx.params.id);
    orNotFound(await findProject(ctx.state.tx, id));
    ctx.body = orNotFound(await updateProject(ctx.state.tx, id, readBody(ctx, body)));
  };

  resource(
    router,
    '/api/projects/:id',
    authenticated,
    {
      GET: async (ctx) => {
        ctx.body = orNotFound(await findProject(ctx.state.tx, parseIdentifier(ctx.params.id)));
      },
      PUT: (ctx) => change(ctx, project.body),
      PATCH: (ctx) => change(ctx, project.partialBody),
      DELETE: async (ctx) => {
        orNotFound(await deleteProject(ctx.state.tx, parseIdentifier(ctx.params.id)));
        ctx.status = 204;
      },
    },
    { name: 'Project Instance', fields: project.fields },
  );

  return router;
}
