import type Router from '@koa/router';
import { z } from 'zod';

import { ApiError } from '../../../errors.ts';
import { callerOf } from '../../../http/authentication.ts';
import { notFound } from '../../../http/identifier.ts';
import { type OperationDescription, operation } from '../../../http/openapi/description.ts';
import { byMethod, resource } from '../../../http/resource.ts';
import type { Context, Handler, State } from '../../../http/state.ts';
import { accountRequestOf } from '../account-request.ts';
import {
  emailBody,
  linkBody,
  readEmail,
  readLink,
  readResetLoginName,
  readResetPassword,
  readSetLoginName,
  readSetPassword,
  resetLoginNameBody,
  resetPasswordBody,
  setLoginNameBody,
  setPasswordBody,
} from '../bodies.ts';
import {
  type AccountDependencies,
  type AccountRequest,
  type MiddlewareStack,
  read,
} from '../dependencies.ts';
import { assertNotImpersonating } from '../impersonation/impersonate.ts';
import { requestLink } from '../mail/request-link.ts';
import type { AccountSettings } from '../settings.ts';
import { type Account, findAccount, type LoginField } from '../users/account-queries.ts';
import { followActivation } from '../users/activate.ts';
import { resetLoginName, setLoginName } from '../users/change-names.ts';
import { resetPassword, setPassword } from './change-password.ts';

type Work = (ctx: Context, request: AccountRequest, settings: AccountSettings) => Promise<void>;
type OwnWork = (
  ctx: Context,
  request: AccountRequest,
  settings: AccountSettings,
  account: Account,
) => Promise<void>;

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

type Description = OperationDescription<AccountSettings>;

/** Returns the description of an operation that responds without a body. */
const about = (summary: string, body: NonNullable<Description['body']>): Description => ({
  summary,
  body,
  response: null,
});

const RESEND: Description = {
  ...about('Send the activation link again', emailBody),
  description: 'Responds the same whether the user exists. 400 without a body if users need no activation.',
  responses: {
    400: {
      description: 'The body is invalid, or users need no activation.',
      content: {
        'application/json': z.record(z.string(), z.unknown()),
        'text/plain': z.string().max(0),
      },
    },
  },
};

/** Creates Djoser's endpoints below `/users/` for activation, passwords and login names. */
export function passwordRoutes(
  router: Router<State>,
  dependencies: AccountDependencies,
  { optionalAuth, identified }: Pick<MiddlewareStack, 'optionalAuth' | 'identified'>,
): void {
  const path = (action: string): string => `/api/auth/users/${action}`;
  // As in Djoser, other methods require credentials before they are rejected.
  const openToPost = [byMethod({ POST: optionalAuth }, identified)];

  const silently =
    (work: Work): Handler =>
    async (ctx) => {
      await work(ctx, accountRequestOf(ctx), await dependencies.settingsOf(ctx.state.tenant));
      ctx.status = 204;
    };

  /** Loads the caller's account before the body is read: credentials are checked first. */
  const byOwner = (work: OwnWork): Handler =>
    silently(async (ctx, request, settings) => {
      const account = await read(dependencies, request, (tx) => {
        const caller = callerOf(ctx.state);
        assertNotImpersonating(caller);
        return findAccount(tx, caller.userId);
      });
      if (!account) {
        throw notFound();
      }
      await work(ctx, request, settings, account);
    });

  resource(router, path('activation'), openToPost, {
    POST: operation(
      about('Activate a user', linkBody),
      silently((ctx, request, settings) => followActivation(dependencies, request, settings, readLink(ctx))),
    ),
  });

  resource(router, path('resend_activation'), openToPost, {
    POST: operation(RESEND, async (ctx) => {
      const settings = await dependencies.settingsOf(ctx.state.tenant);
      const email = readEmail(ctx);
      // Djoser responds without a body.
      ctx.status = settings.SEND_ACTIVATION_EMAIL ? 204 : 400;
      if (settings.SEND_ACTIVATION_EMAIL) {
        await requestLink(dependencies, accountRequestOf(ctx), settings, 'resend_activation', email);
      } else {
        ctx.body = '';
      }
    }),
  });

  resource(router, path('set_password'), identified, {
    POST: operation(
      about('Change the password', setPasswordBody),
      byOwner((ctx, request, settings, account) =>
        setPassword(dependencies, request, settings, account, readSetPassword(ctx, settings)),
      ),
    ),
  });

  resource(router, path('reset_password'), openToPost, {
    POST: operation(
      about('Request a link to reset the password', emailBody),
      silently((ctx, request, settings) =>
        requestLink(dependencies, request, settings, 'password_reset', readEmail(ctx)),
      ),
    ),
  });

  resource(router, path('reset_password_confirm'), openToPost, {
    POST: operation(
      about('Reset the password', resetPasswordBody),
      silently(async (ctx, request, settings) => {
        const { link, fresh } = readResetPassword(ctx, settings);
        await resetPassword(dependencies, request, settings, link, fresh);
      }),
    ),
  });

  for (const field of ['username', 'email'] as const satisfies readonly LoginField[]) {
    const when = ({ LOGIN_FIELD }: AccountSettings): boolean => LOGIN_FIELD === field;
    resource(router, path(`set_${field}`), identified, {
      POST: operation(
        { ...about(`Change the ${field}`, setLoginNameBody), when },
        byOwner(async (ctx, request, settings, account) => {
          assertLogin(ctx, settings, field);
          const given = readSetLoginName(ctx, settings);
          await setLoginName(dependencies, request, settings, account, given);
        }),
      ),
    });

    resource(router, path(`reset_${field}`), openToPost, {
      POST: operation(
        { ...about(`Request a link to reset the ${field}`, emailBody), when },
        silently(async (ctx, request, settings) => {
          assertLogin(ctx, settings, field);
          await requestLink(dependencies, request, settings, 'username_reset', readEmail(ctx));
        }),
      ),
    });

    resource(router, path(`reset_${field}_confirm`), openToPost, {
      POST: operation(
        { ...about(`Reset the ${field}`, resetLoginNameBody), when },
        silently(async (ctx, request, settings) => {
          assertLogin(ctx, settings, field);
          const { name, link } = readResetLoginName(ctx, settings);
          await resetLoginName(dependencies, request, settings, link, name);
        }),
      ),
    });
  }
}
