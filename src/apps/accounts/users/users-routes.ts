import type Router from '@koa/router';
import { z } from 'zod';

import { callerOf } from '../../../http/authentication.ts';
import { operation } from '../../../http/openapi/description.ts';
import { pageOfRows, pageParameters } from '../../../http/openapi/parameters.ts';
import { pageOf, pageRequest, windowOf } from '../../../http/page.ts';
import { middlewareByMethod, resource } from '../../../http/resource.ts';
import type { Context, State } from '../../../http/state.ts';
import { accountRequestOf } from '../account-request.ts';
import { newAccountBody, readNewAccount, userFields } from '../bodies.ts';
import { type AccountDependencies, type MiddlewareStack, read } from '../dependencies.ts';
import { user } from '../responses.ts';
import type { AccountSettings } from '../settings.ts';
import { countAccounts, findAccount, listAccounts } from './account-queries.ts';
import { present, presentCreated } from './present.ts';
import { register } from './register.ts';

/** Creates `/users/`: registration for every client, and the list for users. */
export function usersRoutes(
  router: Router<State>,
  dependencies: AccountDependencies,
  { optionalAuth, identified }: Pick<MiddlewareStack, 'optionalAuth' | 'identified'>,
): void {
  /** Lists all users for staff, or the caller only. Returns a page when the query requests one. */
  const list = async (ctx: Context): Promise<void> => {
    const settings = await dependencies.settingsOf(ctx.state.tenant);
    const isPaged = ctx.query.page !== undefined || ctx.query.page_size !== undefined;
    const request = isPaged ? pageRequest(ctx.query) : null;
    const found = await read(dependencies, ctx.state, async (tx) => {
      const caller = await findAccount(tx, callerOf(ctx.state).userId);
      if (!caller?.is_staff && settings.HIDE_USERS) {
        return { count: 1, rows: caller ? [caller] : [] };
      }
      const count = request ? await countAccounts(tx) : 0;
      return { count, rows: await listAccounts(tx, request && windowOf(request, count)) };
    });
    const rows = found.rows.map((row) => present(row, settings));
    ctx.body = request ? pageOf(ctx, request, { count: found.count, rows }) : rows;
  };

  resource(
    router,
    '/api/auth/users',
    [middlewareByMethod({ POST: optionalAuth }, identified)],
    {
      GET: operation(
        {
          id: 'auth_users_list',
          summary: 'List users',
          description:
            'Returns the caller, or all users for staff. With `page` or `page_size`, a page of them.',
          query: pageParameters,
          response: z.union([z.array(user), pageOfRows(user, 'numbered')]),
        },
        list,
      ),
      POST: operation<AccountSettings>(
        { summary: 'Register a user', body: newAccountBody, response: user, status: 201 },
        async (ctx) => {
          const settings = await dependencies.settingsOf(ctx.state.tenant);
          const account = readNewAccount(ctx, settings);
          ctx.body = presentCreated(
            await register(dependencies, accountRequestOf(ctx), settings, account),
            settings,
          );
          ctx.status = 201;
        },
      ),
    },
    {
      name: 'User List',
      fields: async (ctx) => userFields(await dependencies.settingsOf(ctx.state.tenant)),
    },
  );
}
