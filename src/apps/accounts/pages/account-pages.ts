import type Router from '@koa/router';
import compose from 'koa-compose';

import { translateViolation } from '../../../db/violations.ts';
import { ApiError } from '../../../errors.ts';
import { createFormTokens } from '../../../http/html/form-tokens.ts';
import { seeOther, servePage } from '../../../http/html/page-route.ts';
import { wantsHtml } from '../../../http/html/wants-html.ts';
import type { AppMiddleware, Context, State } from '../../../http/state.ts';
import type { AccountDependencies, MiddlewareStack } from '../dependencies.ts';
import type { Purpose } from '../mail/link-token.ts';
import type { AccountSettings } from '../settings.ts';
import { linkPages } from './link-pages.ts';
import { linkOf } from './link-paths.ts';
import { HOME, type PageDependencies, type PageHandlers } from './page-dependencies.ts';
import { requestPages } from './request-pages.ts';
import { sessionPages } from './session-pages.ts';

const TEMPLATES = [
  ['activation', 'ACTIVATION_URL'],
  ['password_reset', 'PASSWORD_RESET_CONFIRM_URL'],
  ['username_reset', 'USERNAME_RESET_CONFIRM_URL'],
] as const satisfies ReadonlyArray<readonly [Purpose, keyof AccountSettings]>;

/** Returns the settings of the tenant. Null if it cannot be entered now: then the stack of the route rejects the request. */
async function findSettings(
  { settingsOf }: AccountDependencies,
  { state }: Context,
): Promise<AccountSettings | null> {
  try {
    return await settingsOf(state.tenant);
  } catch (error) {
    if (!(translateViolation(error) instanceof ApiError)) {
      throw error;
    }
    return null;
  }
}

type Found = Readonly<{ route: string; handlers: PageHandlers }>;

/**
 * Creates the pages of accounts: login, the user's account, requests for mails, and the pages that mailed links open.
 * Their paths are those of the tenant's settings. With ACCOUNT_PAGES off, the paths belong to the other apps.
 */
export function accountPages(
  router: Router<State>,
  accounts: AccountDependencies,
  { page: stack }: Pick<MiddlewareStack, 'page'>,
): void {
  const dependencies: PageDependencies = { ...accounts, forms: createFormTokens(accounts.secrets) };
  const fixed = new Map<string, PageHandlers>(
    Object.entries({ ...sessionPages(dependencies), ...requestPages(dependencies) }),
  );
  const linked = linkPages(dependencies);
  const before = compose(stack as AppMiddleware[]);

  const find = (ctx: Context, settings: AccountSettings): Found | null => {
    const path = ctx.path.length > 1 ? ctx.path.replace(/\/$/, '') : ctx.path;
    const handlers = fixed.get(path);
    if (handlers) {
      return { route: path, handlers };
    }
    // An API client that opens the root of a tenant gets 404, as for every unknown path.
    if (path === '/' && wantsHtml(ctx)) {
      return { route: path, handlers: { GET: async () => seeOther(ctx, HOME) } };
    }
    for (const [purpose, setting] of TEMPLATES) {
      const link = linkOf(ctx, settings[setting]);
      if (link) {
        return { route: `/${settings[setting]}`, handlers: linked(purpose, link) };
      }
    }
    return null;
  };

  // Paths of the API do not match: their requests do not pay for pages.
  router.all(/^\/(?!api\/)/, async (ctx, next) => {
    const context = ctx as unknown as Context;
    const settings = await findSettings(dependencies, context);
    if (!settings) {
      await before(ctx as never, next);
      return;
    }
    const found = settings.ACCOUNT_PAGES ? find(context, settings) : null;
    if (!found) {
      await next();
      return;
    }
    context.state.route = found.route;
    await before(ctx as never, () => servePage(context, found.handlers));
  });
}
