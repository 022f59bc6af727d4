import type Router from '@koa/router';
import { z } from 'zod';

import { callerOf } from '../../../http/authentication.ts';
import { notFound, parseIdentifier } from '../../../http/identifier.ts';
import { operation } from '../../../http/openapi/description.ts';
import { resource } from '../../../http/resource.ts';
import type { State } from '../../../http/state.ts';
import type { MiddlewareStack } from '../dependencies.ts';
import { assertNotImpersonating } from '../impersonation/impersonate.ts';
import { deleteSession, listSessions, session } from './session-queries.ts';

/** Creates `/sessions/`: the list of the caller's sessions, and their end. */
export function sessionsRoutes(
  router: Router<State>,
  { authenticated }: Pick<MiddlewareStack, 'authenticated'>,
): void {
  resource(router, '/api/auth/sessions', authenticated, {
    GET: operation({ summary: 'List sessions', response: z.array(session) }, async (ctx) => {
      ctx.body = await listSessions(ctx.state.tx, callerOf(ctx.state));
    }),
  });

  resource(router, '/api/auth/sessions/:id', authenticated, {
    DELETE: operation({ summary: 'End a session', response: null }, async (ctx) => {
      const caller = callerOf(ctx.state);
      assertNotImpersonating(caller);
      if (!(await deleteSession(ctx.state.tx, caller.userId, parseIdentifier(ctx.params.id)))) {
        throw notFound();
      }
      ctx.status = 204;
    }),
  });
}
