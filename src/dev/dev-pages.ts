import type Router from '@koa/router';

import type { Config } from '../config/config.ts';
import { type DevPage, defineApp } from '../definition/define-app.ts';
import type { Project } from '../definition/define-project.ts';
import { originOf } from '../http/host.ts';
import { notFound } from '../http/identifier.ts';
import { createRouter } from '../http/resource.ts';
import type { State } from '../http/state.ts';

/** Values of links. The pages print them in shell commands, so nothing else is accepted. */
const VALUE = /^[\w-]+$/;

const HOME: DevPage = {
  path: '/',
  text: ({ origin }) => [
    `${origin} is served by the development service.`,
    'It has only an API. The service printed a command that logs in when it started.',
  ],
};

/** The router path, and the names of the values in the path and the query of a link such as `reset/{uid}?t={token}`. */
function parseLink(link: string): { routerPath: string; names: ReadonlyArray<readonly [string, string]> } {
  const [before = '', query = ''] = (link.split('#', 1)[0] ?? '').split('?');
  const inQuery = [...query.matchAll(/([^&=]+)=\{(\w+)\}/g)].map(
    ([, parameter = '', name = '']) => [name, parameter] as const,
  );
  return { routerPath: `/${before.replace(/^\//, '').replaceAll(/\{(\w+)\}/g, ':$1')}`, names: inQuery };
}

function routes(pages: readonly DevPage[]): Router<State> {
  const router = createRouter();
  for (const { path, text } of pages) {
    const { routerPath, names } = parseLink(path);
    router.get(routerPath, (ctx) => {
      const values: Record<string, string> = { ...ctx.params };
      for (const [name, parameter] of names) {
        values[name] = String(ctx.query[parameter] ?? '');
      }
      if (Object.values(values).some((value) => !VALUE.test(value))) {
        throw notFound();
      }
      ctx.type = 'text/plain';
      ctx.body = `${text({ origin: originOf(ctx), values }).join('\n')}\n`;
    });
  }
  return router;
}

/**
 * Returns the project with one more app, without tables: the pages that a frontend would have. They open
 * the links that `make dev` prints. Routes of the project's own apps take precedence.
 */
export async function withDevPages(project: Project, config: Config): Promise<Project> {
  const demos = await Promise.all(project.apps.map(({ demo }) => demo?.()));
  const pages = [HOME, ...demos.flatMap((demo) => demo?.pages?.(config) ?? [])];
  const app = defineApp({
    name: 'dev_pages',
    directory: import.meta.dirname,
    on: ['tenant', 'site'],
    routes: async () => ({ routes: () => routes(pages) }),
  });
  return { ...project, apps: [...project.apps, app] };
}
