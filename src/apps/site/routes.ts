import type Router from '@koa/router';

import { originOf } from '../../http/host.ts';
import { sendPage } from '../../http/html/send-page.ts';
import { wantsHtml } from '../../http/html/wants-html.ts';
import { acceptJson } from '../../http/middleware/accept-json.ts';
import { createRouter, resource } from '../../http/resource.ts';
import type { AppMiddleware, Context, State } from '../../http/state.ts';
import { findWorkspaces } from './find/find-workspaces.ts';
import { landing, linksOf } from './landing.ts';
import { signUpApi } from './sign-up/api.ts';
import { signUpPages } from './sign-up/pages.ts';
import type { SiteDependencies } from './sign-up/sign-up.ts';

const acceptJsonOrHtml: AppMiddleware = async function acceptJsonOrHtml(ctx, next) {
  ctx.vary('Accept');
  await (wantsHtml(ctx as unknown as Context) ? next() : acceptJson()(ctx, next));
};

/** Creates the routes of the public host. They need no credentials. */
export function routes(dependencies: SiteDependencies): Router<State> {
  const { environment } = dependencies;
  const router = createRouter();
  resource(router, '/', [acceptJsonOrHtml], {
    GET: async (ctx) => {
      if (wantsHtml(ctx)) {
        sendPage(ctx, {
          title: 'Workspaces for teams',
          main: landing(environment),
          links: linksOf(environment),
          isIndexed: true,
        });
        return;
      }
      ctx.body = {
        name: 'koa-tenants',
        detail: 'The public site. Each tenant is served on its own domains.',
        log_in: `${originOf(ctx)}/api/auth/jwt/create/`,
      };
    },
  });
  if (environment.SIGNUP !== 'off') {
    signUpApi(router, dependencies);
    signUpPages(router, dependencies);
  }
  if (environment.FIND_WORKSPACES) {
    findWorkspaces(router, dependencies);
  }
  return router;
}
