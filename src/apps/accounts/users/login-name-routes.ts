import type Router from '@koa/router';
import { ApiError } from '../../../errors.ts';
import { operation } from '../../../http/openapi/description.ts';
import { middlewareByMethod, resource } from '../../../http/resource.ts';
import type { Context, State } from '../../../http/state.ts';
import { byOwner, silently, withoutBody } from '../account-handlers.ts';
import {
  emailBody,
  readEmail,
  readResetLoginName,
  readSetLoginName,
  resetLoginNameBody,
  setLoginNameBody,
} from '../bodies.ts';
import type { AccountDependencies, MiddlewareStack } from '../dependencies.ts';
import { requestLink } from '../mail/request-link.ts';
import type { AccountSettings } from '../settings.ts';
import type { LoginField } from './account-queries.ts';
import { resetLoginName, setLoginName } from './change-names.ts';

/**
 * Rejects the paths of the name that is not the login. As in Djoser they are `/users/{id}/` then: with credentials,
 * POST is no method of it.
 *
 * @throws ApiError `not_authenticated` or `method_not_allowed`
 */
function assertLogin(ctx: Context, { LOGIN_FIELD }: AccountSettings, field: LoginField): void {
  if (LOGIN_FIELD === field) {
    return;
  }
  if (!ctx.state.caller && ctx.state.guards.length === 0) {
    throw new ApiError('not_authenticated', 'Authentication credentials were not provided.');
  }
  ctx.set('Allow', 'GET, PUT, PATCH, DELETE, HEAD, OPTIONS');
  throw new ApiError('method_not_allowed', `Method "${ctx.method}" not allowed.`);
}

/** Creates Djoser's endpoints below `/users/` that change a login name, or reset it by mail. */
export function loginNameRoutes(
  router: Router<State>,
  dependencies: AccountDependencies,
  { optionalAuth, identified }: Pick<MiddlewareStack, 'optionalAuth' | 'identified'>,
): void {
  const path = (action: string): string => `/api/auth/users/${action}`;
  // As in Djoser, other methods require credentials before they are rejected.
  const openToPost = [middlewareByMethod({ POST: optionalAuth }, identified)];

  for (const field of ['username', 'email'] as const satisfies readonly LoginField[]) {
    const when = ({ LOGIN_FIELD }: AccountSettings): boolean => LOGIN_FIELD === field;
    resource(router, path(`set_${field}`), identified, {
      POST: operation(
        { ...withoutBody(`Change the ${field}`, setLoginNameBody), when },
        byOwner(dependencies, async (ctx, request, settings, account) => {
          assertLogin(ctx, settings, field);
          await setLoginName(dependencies, request, settings, account, readSetLoginName(ctx, settings));
        }),
      ),
    });

    resource(router, path(`reset_${field}`), openToPost, {
      POST: operation(
        { ...withoutBody(`Request a link to reset the ${field}`, emailBody), when },
        silently(dependencies, async (ctx, request, settings) => {
          assertLogin(ctx, settings, field);
          await requestLink(dependencies, request, settings, 'username_reset', readEmail(ctx));
        }),
      ),
    });

    resource(router, path(`reset_${field}_confirm`), openToPost, {
      POST: operation(
        { ...withoutBody(`Reset the ${field}`, resetLoginNameBody), when },
        silently(dependencies, async (ctx, request, settings) => {
          assertLogin(ctx, settings, field);
          const { name, link } = readResetLoginName(ctx, settings);
          await resetLoginName(dependencies, request, settings, link, name);
        }),
      ),
    });
  }
}
