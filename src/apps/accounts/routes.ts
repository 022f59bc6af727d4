import Router from '@koa/router';
import { z } from 'zod';

import { text } from '../../http/fields.ts';
import { notFound } from '../../http/identifier.ts';
import { resource } from '../../http/resource.ts';
import type { AppMiddleware, State } from '../../http/state.ts';
import { readBody } from '../../http/validate.ts';
import type { AppSecrets } from '../../tenancy/signing-key.ts';
import type { Gate } from '../../tenancy/with-tenant.ts';
import { logIn } from './log-in.ts';
import { findProfile } from './queries.ts';
import type { Lifetimes } from './tokens.ts';

const login = z.object({ username: text(), password: text({ trim: false, max: 4096 }) });

/**
 * What Djoser and SimpleJWT answer, on every host that has users. `open` has no
 * transaction and ignores the Authorization header; `authenticated` ends in one.
 */
export function accountsRoutes({
  open,
  authenticated,
  gate,
  secrets,
  lifetimes,
}: {
  open: readonly AppMiddleware[];
  authenticated: readonly AppMiddleware[];
  gate: Gate;
  secrets: AppSecrets;
  lifetimes: Lifetimes;
}): Router<State> {
  const router = new Router<State>();

  resource(router, '/api/auth/jwt/create', open, {
    POST: async (ctx) => {
      const given = readBody(ctx, login);
      ctx.set('Cache-Control', 'no-store');
      ctx.body = await logIn({ gate, secrets, lifetimes }, ctx.state.tenant, given);
    },
  });

  resource(router, '/api/auth/users/me', authenticated, {
    GET: async (ctx) => {
      const user = await findProfile(ctx.state.tx, ctx.state.claims?.userId ?? '0');
      if (!user) {
        throw notFound();
      }
      ctx.body = user;
    },
  });

  return router;
}
