import type Router from '@koa/router';

import { resource } from '../../../http/resource.ts';
import type { Context, State } from '../../../http/state.ts';
import { readConfirmationBody, readSignUp, signUpFields } from './bodies.ts';
import type { SignUp } from './queries.ts';
import { assertOpen, confirm, findByStatus, type SiteDependencies, signUp } from './sign-up.ts';
import { statusUrl, urlOfTenant } from './urls.ts';

/** Creates `/api/signup/`: sign-up, the confirmation of its address, and its status. */
export function signUpApi(router: Router<State>, dependencies: SiteDependencies): void {
  const { environment, stacks } = dependencies;

  const bodyOf = (ctx: Context, { state, slug }: SignUp) => ({
    status: state,
    url: state === 'ready' ? urlOfTenant(ctx, dependencies, slug) : null,
  });

  /** Responds 201 when the tenant exists, and 202 while the worker or the confirmation is awaited. */
  const respond = (ctx: Context, found: SignUp, further: Readonly<Record<string, unknown>>): void => {
    const body = bodyOf(ctx, found);
    ctx.status = body.url === null ? 202 : 201;
    if (body.url !== null) {
      ctx.set('Location', body.url);
    }
    ctx.body = { ...body, ...further };
  };

  resource(
    router,
    '/api/signup',
    stacks.always.open,
    {
      POST: async (ctx) => {
        assertOpen(dependencies);
        const { signUp: found, statusKey } = await signUp(dependencies, ctx, readSignUp(ctx, environment));
        respond(ctx, found, { status_url: statusUrl(ctx, statusKey) });
      },
    },
    {
      name: 'Sign Up',
      description: 'Creates a tenant once the address is confirmed.',
      fields: signUpFields(environment),
    },
  );

  resource(router, '/api/signup/confirm', stacks.always.open, {
    POST: async (ctx) => {
      assertOpen(dependencies);
      respond(ctx, await confirm(dependencies, ctx, readConfirmationBody(ctx, environment)), {});
    },
  });

  resource(router, '/api/signup/:key', stacks.always.open, {
    GET: async (ctx) => {
      ctx.body = bodyOf(ctx, await findByStatus(dependencies, ctx, ctx.params.key));
    },
  });
}
