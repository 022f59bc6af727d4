import type Router from '@koa/router';
import { z } from 'zod';

import { ApiError } from '../../errors.ts';
import { enterTenant } from '../../http/enter-tenant.ts';
import { page } from '../../http/html/page-route.ts';
import { sendPage } from '../../http/html/send-page.ts';
import { operation } from '../../http/openapi/description.ts';
import { isStaff, permit } from '../../http/permissions.ts';
import { createRouter, resource } from '../../http/resource.ts';
import type { Context, State } from '../../http/state.ts';
import { lazyModule } from '../../lazy-modules.ts';
import type { BillingDependencies } from './dependencies.ts';
import { storeEvent } from './queries.ts';
import { RELEVANT } from './stripe/read-change.ts';
import { subscriptionPage } from './subscription/page.ts';
import { readSubscription } from './subscription/read-subscription.ts';
import { subscription } from './subscription/subscription.ts';

/**
 * Returns the body as it was sent: the signature is that of its bytes.
 *
 * @throws the error of the body, or ApiError `parse_error` without one
 */
function rawBodyOf({ state }: Context): Buffer {
  if (!state.rawBody) {
    state.body();
    throw new ApiError('parse_error', 'The request has no body.');
  }
  return state.rawBody;
}

/**
 * Creates the route of Stripe's webhook. It only stores the event: the service cannot change the registry, and the
 * worker applies it.
 */
export function routes({ environment, stacks, tenantDatabase }: BillingDependencies): Router<State> {
  const router = createRouter();
  const secret = environment.BILLING_STRIPE_WEBHOOK_SECRET;
  if (secret === undefined) {
    return router;
  }
  const loadVerify = lazyModule(() => import('./stripe/verify.ts'));
  resource(router, '/api/billing/stripe', stacks.always.open, {
    POST: operation(
      {
        summary: 'Receive an event of Stripe',
        headers: { 'Stripe-Signature': z.string() },
        body: z.looseObject({ id: z.string(), type: z.string() }),
        mediaTypes: ['application/json'],
        response: z.object({ received: z.literal(true) }),
        errors: ['signature_invalid'],
      },
      async (ctx) => {
        const payload = rawBodyOf(ctx);
        const signature = ctx.get('Stripe-Signature');
        const { verifyEvent } = await loadVerify();
        const { id, type } = verifyEvent(secret, payload, signature);
        if (RELEVANT.has(type)) {
          await enterTenant(tenantDatabase, ctx.state, { readOnly: false, whileUnpaid: true }, (tx) =>
            storeEvent(tx, { id, payload: payload.toString(), signature }),
          );
        }
        ctx.body = { received: true };
      },
    ),
  });
  return router;
}

/** Creates the routes of a tenant's own subscription, for its staff. They are also served while it is unpaid. */
export function tenantRoutes(dependencies: BillingDependencies): Router<State> {
  const { always } = dependencies.stacks;
  const router = createRouter();
  resource(router, '/api/billing', [...always.authenticated, permit(isStaff)], {
    GET: operation({ summary: 'Show the subscription', response: subscription }, async (ctx) => {
      ctx.body = await readSubscription(dependencies, ctx);
    }),
  });
  page(router, '/subscription', [...always.browser, permit(isStaff)], {
    GET: async (ctx) =>
      sendPage(ctx, {
        title: 'Subscription',
        links: dependencies.menu,
        main: subscriptionPage(await readSubscription(dependencies, ctx)),
      }),
  });
  return router;
}
