import type Router from '@koa/router';
import { z } from 'zod';

import { type OperationDescription, operation } from '../../../http/openapi/description.ts';
import { middlewareByMethod, resource } from '../../../http/resource.ts';
import type { State } from '../../../http/state.ts';
import { byOwner, silently, withoutBody } from '../account-handlers.ts';
import { accountRequestOf } from '../account-request.ts';
import {
  emailBody,
  linkBody,
  readEmail,
  readLink,
  readResetPassword,
  readSetPassword,
  resetPasswordBody,
  setPasswordBody,
} from '../bodies.ts';
import type { AccountDependencies, MiddlewareStack } from '../dependencies.ts';
import { requestLink } from '../mail/request-link.ts';
import type { AccountSettings } from '../settings.ts';
import { followActivation } from '../users/activate.ts';
import { resetPassword, setPassword } from './change-password.ts';

const RESEND: OperationDescription<AccountSettings> = {
  ...withoutBody('Send the activation link again', emailBody),
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

/** Creates Djoser's endpoints below `/users/` for activation and passwords. */
export function passwordRoutes(
  router: Router<State>,
  dependencies: AccountDependencies,
  { optionalAuth, identified }: Pick<MiddlewareStack, 'optionalAuth' | 'identified'>,
): void {
  const path = (action: string): string => `/api/auth/users/${action}`;
  // As in Djoser, other methods require credentials before they are rejected.
  const openToPost = [middlewareByMethod({ POST: optionalAuth }, identified)];

  resource(router, path('activation'), openToPost, {
    POST: operation(
      withoutBody('Activate a user', linkBody),
      silently(dependencies, (ctx, request, settings) =>
        followActivation(dependencies, request, settings, readLink(ctx)),
      ),
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
      withoutBody('Change the password', setPasswordBody),
      byOwner(dependencies, (ctx, request, settings, account) =>
        setPassword(dependencies, request, settings, account, readSetPassword(ctx, settings)),
      ),
    ),
  });

  resource(router, path('reset_password'), openToPost, {
    POST: operation(
      withoutBody('Request a link to reset the password', emailBody),
      silently(dependencies, (ctx, request, settings) =>
        requestLink(dependencies, request, settings, 'password_reset', readEmail(ctx)),
      ),
    ),
  });

  resource(router, path('reset_password_confirm'), openToPost, {
    POST: operation(
      withoutBody('Reset the password', resetPasswordBody),
      silently(dependencies, async (ctx, request, settings) => {
        const { link, fresh } = readResetPassword(ctx, settings);
        await resetPassword(dependencies, request, settings, link, fresh);
      }),
    ),
  });
}
