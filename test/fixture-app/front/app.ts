import { defineApp } from '../../../src/definition/define-app.ts';
import { originOf } from '../../../src/http/host.ts';
import { acceptJson } from '../../../src/http/middleware/accept-json.ts';
import { createRouter, resource } from '../../../src/http/resource.ts';

/** A public site of one path, which names the origin of the request. */
export const front = defineApp({
  name: 'front',
  directory: import.meta.dirname,
  on: ['site'],
  routes: async () => ({
    routes: () => {
      const router = createRouter();
      resource(router, '/', [acceptJson()], {
        GET: async (ctx) => {
          ctx.body = { log_in: `${originOf(ctx)}/api/auth/jwt/create/` };
        },
      });
      return router;
    },
  }),
});
