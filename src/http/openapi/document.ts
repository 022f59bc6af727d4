import type Router from '@koa/router';

import type { State } from '../state.ts';
import { isDescribed } from './bodies.ts';
import type { Security } from './description.ts';
import { createSchemas, type Json } from './json-schema.ts';
import { operationObject } from './operation.ts';
import { pathParameters } from './parameters.ts';
import { errorResponses, errorSchemas, HEADERS } from './responses.ts';
import { type Route, routesOf } from './routes.ts';

/** The routes of one app. */
export type AppRouter = Readonly<{ app: string; router: Router<State> }>;

/** How clients send credentials: security schemes of OpenAPI, and the alternatives of routes that require a user. */
export type ApiSecurity = Readonly<{
  schemes: Readonly<Record<string, Json>>;
  /** Default: each scheme is an alternative. */
  alternatives?: Security;
}>;

/** Texts about the API, as in OpenAPI's `info`. */
export type ApiInfo = Readonly<{
  title: string;
  /** Version of the API. */
  version: string;
  /** Markdown. */
  description: string;
  contact?: Readonly<{ name?: string; url?: string; email?: string }>;
  license?: Readonly<{ name: string; identifier?: string; url?: string }>;
}>;

export type DocumentRequest = Readonly<{
  info: ApiInfo;
  routers: readonly AppRouter[];
  security: ApiSecurity | null;
  /** The settings of the tenant whose clients read the document. */
  settings: Readonly<Record<string, unknown>>;
}>;

/** The credentials of a project whose authentication has no description. */
const STANDARD_SECURITY: ApiSecurity = { schemes: { bearer: { type: 'http', scheme: 'bearer' } } };

/** Pages of a web site are not part of the API. */
const isOfApi = ({ path, handlers }: Route): boolean =>
  path.startsWith('/api/') && Object.keys(handlers).length > 0;

/**
 * Returns an operation with an ID that no other operation has. The default ID of `/notes/{id}/`, if `/notes/` has the
 * same method, ends with `by_id`.
 */
function withUniqueId(operation: Json, template: string, ids: Set<unknown>): Json {
  const given = String(operation.operationId);
  const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const base = ids.has(given) && names.length > 0 ? [given, 'by', ...names].join('_') : given;
  let id = base;
  for (let number = 2; ids.has(id); number += 1) {
    id = `${base}_${number}`;
  }
  ids.add(id);
  return { ...operation, operationId: id };
}

/** Returns the security schemes that operations of the document use. */
function usedSchemes({ schemes }: ApiSecurity, operations: readonly Json[]): Json {
  const used = new Set(
    operations.flatMap(({ security }) =>
      (security as Security).flatMap((alternative) => Object.keys(alternative)),
    ),
  );
  return Object.fromEntries(Object.entries(schemes).filter(([name]) => used.has(name)));
}

type Components = Readonly<Record<string, Json>>;

/** Returns the components that the paths refer to, directly or through other components. */
function usedComponents(paths: unknown, components: Components): Components {
  const used = new Set<string>();
  const visit = (part: unknown): void => {
    for (const [, section = '', name = ''] of JSON.stringify(part).matchAll(
      /"#\/components\/(\w+)\/([^"]+)"/g,
    )) {
      const key = `${section}/${name}`;
      if (!used.has(key)) {
        used.add(key);
        visit(components[section]?.[name] ?? null);
      }
    }
  };
  visit(paths);
  return Object.fromEntries(
    Object.entries(components).map(([section, all]) => [
      section,
      Object.fromEntries(
        Object.entries(all).filter(
          ([name]) => section === 'securitySchemes' || used.has(`${section}/${name}`),
        ),
      ),
    ]),
  );
}

/** Returns the OpenAPI 3.1 document of the routes of a host. */
export function createDocument({ info, routers, security, settings }: DocumentRequest): Json {
  const schemas = createSchemas();
  const { schemes, alternatives } = security ?? STANDARD_SECURITY;
  const context = {
    schemas,
    settings,
    security: alternatives ?? Object.keys(schemes).map((name) => ({ [name]: [] })),
  };
  const paths: Record<string, Record<string, Json>> = {};
  const ids = new Set<unknown>();
  const operations: Json[] = [];
  const tags = new Set<string>();
  for (const { app, router } of routers) {
    for (const route of routesOf(router).filter(isOfApi)) {
      const { template } = pathParameters(route.path);
      for (const method of Object.keys(route.handlers)) {
        const operation = operationObject(route, method, { ...context, tag: app });
        // The first router that matches a path is used.
        if (operation && !paths[template]?.[method.toLowerCase()]) {
          const unique = withUniqueId(operation, template, ids);
          operations.push(unique);
          tags.add(app);
          paths[template] = { ...paths[template], [method.toLowerCase()]: unique };
        }
      }
    }
  }
  const components = {
    securitySchemes: usedSchemes({ schemes }, operations),
    schemas: { ...schemas.components(), ...errorSchemas() },
    responses: errorResponses(),
    headers: HEADERS,
  };
  return {
    openapi: '3.1.1',
    info,
    servers: [{ url: '/', description: 'This host.' }],
    tags: [...tags].map((name) => ({ name, description: `The app "${name}".` })),
    paths,
    components: usedComponents(paths, components),
  };
}

/** Returns the methods and paths of routers that have no description. */
export const undescribedRoutes = (routers: readonly AppRouter[]): readonly string[] =>
  routers.flatMap(({ router }) =>
    routesOf(router)
      .filter(isOfApi)
      .flatMap((route) =>
        Object.keys(route.handlers)
          .filter((method) => !isDescribed(route, method))
          .map((method) => `${method} ${pathParameters(route.path).template}`),
      ),
  );
