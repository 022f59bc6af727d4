import type Router from '@koa/router';
import { z } from 'zod';

import type { RouteDependencies } from '../../definition/define-app.ts';
import { ValidationFailed } from '../../errors.ts';
import { readBody } from '../../http/body/validate.ts';
import { text } from '../../http/fields/text.ts';
import { originOf } from '../../http/host.ts';
import { notFound, parseIdentifier } from '../../http/identifier.ts';
import { pageOf, pageRequest } from '../../http/page.ts';
import { createRouter, resource } from '../../http/resource.ts';
import type { Context, State } from '../../http/state.ts';
import {
  deleteProject,
  findProject,
  insertProject,
  isOrder,
  listProjects,
  type Project,
  updateProject,
} from './queries.ts';

const name = { max: 255 };
// 100 such rows fit into MAX_RESPONSE_BYTES, unless they are made of control characters.
const description = { max: 20_000, blank: true };

/** PostgreSQL matches each term against each row, and cannot interrupt one match. */
const LONGEST_SEARCH = 500;
const MOST_TERMS = 20;
const whole = z.object({ name: text(name), description: text(description).optional() });
const partial = z.object({ name: text(name).optional(), description: text(description).optional() });

/** Words of a search: split at white space and commas, quotes hold a phrase together. */
function searchTerms(query: Context['query']): readonly string[] {
  const given = [query.search ?? ''].flat().at(-1) ?? '';
  if (given.includes('\0')) {
    throw new ValidationFailed({ search: ['Null characters are not allowed.'] });
  }
  if ([...given.slice(0, 2 * LONGEST_SEARCH + 1)].length > LONGEST_SEARCH) {
    throw new ValidationFailed({
      search: [`Ensure this field has no more than ${LONGEST_SEARCH} characters.`],
    });
  }
  const terms = [...given.matchAll(/"([^"]*)"|'([^']*)'|([^\s,]+)/g)]
    .map(([, double, single, bare]) => (double ?? single ?? bare ?? '').trim())
    .filter((term) => term !== '');
  if (terms.length > MOST_TERMS) {
    throw new ValidationFailed({ search: [`Ensure this field has no more than ${MOST_TERMS} words.`] });
  }
  return terms;
}

const orders = (query: Context['query']) =>
  ([query.ordering ?? ''].flat().at(-1) ?? '')
    .split(',')
    .map((field) => field.trim())
    .filter(isOrder);

const orNotFound = (project: Project | null): Project => {
  if (!project) {
    throw notFound();
  }
  return project;
};

export function routes({ stacks }: RouteDependencies): Router<State> {
  const { authenticated } = stacks.paid;
  const router = createRouter();

  resource(router, '/api/projects', authenticated, {
    GET: async (ctx) => {
      const request = pageRequest(ctx.query);
      const found = await listProjects(ctx.state.tx, {
        ...request,
        terms: searchTerms(ctx.query),
        orders: orders(ctx.query),
      });
      ctx.body = pageOf(ctx, request, found);
    },
    POST: async (ctx) => {
      const { name, description = '' } = readBody(ctx, whole);
      const project = await insertProject(ctx.state.tx, { name, description });
      ctx.status = 201;
      ctx.set('Location', `${originOf(ctx)}/api/projects/${project.id}/`);
      ctx.body = project;
    },
  });

  resource(router, '/api/projects/:id', authenticated, {
    GET: async (ctx) => {
      ctx.body = orNotFound(await findProject(ctx.state.tx, parseIdentifier(ctx.params.id)));
    },
    PUT: async (ctx) => {
      const id = parseIdentifier(ctx.params.id);
      orNotFound(await findProject(ctx.state.tx, id));
      ctx.body = orNotFound(await updateProject(ctx.state.tx, id, readBody(ctx, whole)));
    },
    PATCH: async (ctx) => {
      const id = parseIdentifier(ctx.params.id);
      orNotFound(await findProject(ctx.state.tx, id));
      ctx.body = orNotFound(await updateProject(ctx.state.tx, id, readBody(ctx, partial)));
    },
    DELETE: async (ctx) => {
      if (!(await deleteProject(ctx.state.tx, parseIdentifier(ctx.params.id)))) {
        throw notFound();
      }
      ctx.status = 204;
    },
  });

  return router;
}
