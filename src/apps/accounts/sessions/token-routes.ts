import type Router from '@koa/router';
import { callerOf } from '../../../http/authentication.ts';
import { operation } from '../../../http/openapi/description.ts';
import { resource } from '../../../http/resource.ts';
import type { State } from '../../../http/state.ts';
import { accountRequestOf } from '../account-request.ts';
import { loginBody, loginFields, readLogin } from '../bodies.ts';
import type { AccountDependencies, MiddlewareStack } from '../dependencies.ts';
import { key as keyResponse } from '../responses.ts';
import { logInForKey } from './log-in.ts';
import { deleteFamily } from './session-queries.ts';

/** Creates `/token/…`: Djoser's keys without expiry, for `Authorization: Token`. */
export function tokenRoutes(
  router: Router<State>,
  dependencies: AccountDependencies,
  { optionalAuth, authenticated }: Pick<MiddlewareStack, 'optionalAuth' | 'authenticated'>,
): void {
  resource(
    router,
    '/api/auth/token/login',
    optionalAuth,
    {
      POST: operation(
        {
          id: 'auth_token_login',
          summary: 'Create a key',
          description: 'Returns a key without expiry for a login name and a password.',
          body: loginBody,
          response: keyResponse,
        },
        async (ctx) => {
          const settings = await dependencies.settingsOf(ctx.state.tenant);
          const key = await logInForKey(
            dependencies,
            accountRequestOf(ctx),
            settings,
            readLogin(ctx, settings),
          );
          ctx.set('Cache-Control', 'no-store');
          ctx.body = { auth_token: key };
        },
      ),
    },
    {
      name: 'Token Create',
      description: 'Returns a key without expiry for a login name and a password.',
      fields: async (ctx) => loginFields(await dependencies.settingsOf(ctx.state.tenant)),
    },
  );

  // Ends the session of the request, with a key or with access tokens.
  resource(
    router,
    '/api/auth/token/logout',
    authenticated,
    {
      POST: operation(
        {
          id: 'auth_token_logout',
          summary: 'End a key',
          description: 'Ends the key or the session of the request.',
          response: null,
        },
        async (ctx) => {
          await deleteFamily(ctx.state.tx, callerOf(ctx.state).family);
          ctx.status = 204;
        },
      ),
    },
    { name: 'Token Destroy', description: 'Ends the key or the session of the request.' },
  );
}
