import { defineApp } from '../definition/define-app.ts';
import type { Project } from '../definition/define-project.ts';
import { originOf } from '../http/host.ts';
import { createRouter } from '../http/resource.ts';

/**
 * Returns the project with one more app, without tables: the root of every host, so that the URLs that `make dev`
 * prints open. Routes of the project's own apps take precedence.
 */
export function withDevHome(project: Project): Project {
  const app = defineApp({
    name: 'dev_home',
    directory: import.meta.dirname,
    on: ['tenant', 'site'],
    routes: async () => ({
      routes: () => {
        const router = createRouter();
        router.get('/', (ctx) => {
          ctx.type = 'text/plain';
          ctx.body = `${originOf(ctx)} is served by the development service.\n`;
        });
        return router;
      },
    }),
  });
  return { ...project, apps: [...project.apps, app] };
}
