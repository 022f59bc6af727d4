import type Router from '@koa/router';

import { originOf } from '../../http/host.ts';
import { acceptJson } from '../../http/middleware/accept-json.ts';
import { createRouter, resource } from '../../http/resource.ts';
import type { State } from '../../http/state.ts';

/** Creates the routes of the public host. They need no credentials. */
export function routes(): Router<State> {
  const router = createRouter();
  resource(router, '/', [acceptJson()], {
    GET: async (ctx) => {
      ctx.body = {
        name: 'koa-tenants',
        detail: 'The public site. Each tenant is served on its own domains.',
        log_in: `${originOf(ctx)}/api/auth/jwt/create/`,
      };
    },
  });
  return router;
}
