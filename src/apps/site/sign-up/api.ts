import type Router from '@koa/router';
import { z } from 'zod';

import { operation, type ResponseDescription } from '../../../http/openapi/description.ts';
import { resource } from '../../../http/resource.ts';
import type { Context, State } from '../../../http/state.ts';
import { confirmationBody, readConfirmationBody, readSignUp, signUpBody, signUpFields } from './bodies.ts';
import { type SignUp, signUpState } from './queries.ts';
import { assertOpen, confirm, findByStatus, type SiteDependencies, signUp } from './sign-up.ts';
import { statusUrl, urlOfTenant } from './urls.ts';

const signUpStatus = z.object({ status: signUpState, url: z.url().nullable() });

/** The status URL is known to the client that signed up only. */
const newSignUp = signUpStatus.extend({ status_url: z.url() });

/** Returns the responses of a sign-up: its tenant exists, or is created later. */
const responsesOf = (body: z.ZodType): Readonly<Record<number, ResponseDescription>> => ({
  201: {
    description: 'The tenant exists.',
    content: { 'application/json': body },
    headers: { Location: 'URL of the tenant' },
  },
  202: {
    description: 'The confirmation of the address or the worker is awaited.',
    content: { 'application/json': body },
  },
});

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
      POST: operation(
        {
          summary: 'Sign up a tenant',
          body: signUpBody(environment),
          response: newSignUp,
          status: 201,
          responses: responsesOf(newSignUp),
          errors: ['permission_denied', 'throttled', 'overloaded'],
        },
        async (ctx) => {
          assertOpen(dependencies);
          const { signUp: found, statusKey } = await signUp(dependencies, ctx, readSignUp(ctx, environment));
          respond(ctx, found, { status_url: statusUrl(ctx, statusKey) });
        },
      ),
    },
    {
      name: 'Sign Up',
      description: 'Creates a tenant once the address is confirmed.',
      fields: signUpFields(environment),
    },
  );

  resource(router, '/api/signup/confirm', stacks.always.open, {
    POST: operation(
      {
        summary: 'Confirm the address of a sign-up',
        body: confirmationBody(environment),
        response: signUpStatus,
        status: 201,
        responses: responsesOf(signUpStatus),
        errors: ['throttled', 'overloaded'],
      },
      async (ctx) => {
        assertOpen(dependencies);
        respond(ctx, await confirm(dependencies, ctx, readConfirmationBody(ctx, environment)), {});
      },
    ),
  });

  resource(router, '/api/signup/:key', stacks.always.open, {
    GET: operation({ summary: 'Get the status of a sign-up', response: signUpStatus }, async (ctx) => {
      ctx.body = bodyOf(ctx, await findByStatus(dependencies, ctx, ctx.params.key));
    }),
  });
}
