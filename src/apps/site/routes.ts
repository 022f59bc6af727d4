import type Router from '@koa/router';

import { originOf } from '../../http/host.ts';
import { html } from '../../http/html/html.ts';
import { sendPage } from '../../http/html/send-page.ts';
import { wantsHtml } from '../../http/html/wants-html.ts';
import { acceptJson } from '../../http/middleware/accept-json.ts';
import { createRouter, resource } from '../../http/resource.ts';
import type { AppMiddleware, Context, State } from '../../http/state.ts';

const acceptJsonOrHtml: AppMiddleware = async function acceptJsonOrHtml(ctx, next) {
  ctx.vary('Accept');
  await (wantsHtml(ctx as unknown as Context) ? next() : acceptJson()(ctx, next));
};

const landing = html`<div class="hero">
<h1>One workspace for each of your teams</h1>
<p class="lead">Each workspace has its own address, its own users and its own data.</p>
</div>`;

/** Creates the routes of the public host. They need no credentials. */
export function routes(): Router<State> {
  const router = createRouter();
  resource(router, '/', [acceptJsonOrHtml], {
    GET: async (ctx) => {
      if (wantsHtml(ctx)) {
        sendPage(ctx, { title: 'Workspaces', main: landing });
        return;
      }
      ctx.body = {
        name: 'koa-tenants',
        detail: 'The public site. Each tenant is served on its own domains.',
        log_in: `${originOf(ctx)}/api/auth/jwt/create/`,
      };
    },
  });
  return router;
}
