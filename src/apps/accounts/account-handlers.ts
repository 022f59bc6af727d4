import { callerOf } from '../../http/authentication.ts';
import { notFound } from '../../http/identifier.ts';
import type { OperationDescription } from '../../http/openapi/description.ts';
import type { Context, Handler } from '../../http/state.ts';
import { accountRequestOf } from './account-request.ts';
import { type AccountDependencies, type AccountRequest, read } from './dependencies.ts';
import { assertNotImpersonating } from './impersonation/impersonate.ts';
import type { AccountSettings } from './settings.ts';
import { type Account, findAccount } from './users/account-queries.ts';

type Work = (ctx: Context, request: AccountRequest, settings: AccountSettings) => Promise<void>;
type OwnWork = (
  ctx: Context,
  request: AccountRequest,
  settings: AccountSettings,
  account: Account,
) => Promise<void>;

/** Creates a handler that responds 204 without a body. */
export const silently =
  (dependencies: AccountDependencies, work: Work): Handler =>
  async (ctx) => {
    await work(ctx, accountRequestOf(ctx), await dependencies.settingsOf(ctx.state.tenant));
    ctx.status = 204;
  };

/**
 * Creates a handler for the caller's own account, which responds 204. It loads the account before the body is read:
 * credentials are checked first.
 */
export const byOwner = (dependencies: AccountDependencies, work: OwnWork): Handler =>
  silently(dependencies, async (ctx, request, settings) => {
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

/** Describes an operation that responds without a body. */
export const withoutBody = (
  summary: string,
  body: NonNullable<OperationDescription<AccountSettings>['body']>,
): OperationDescription<AccountSettings> => ({ summary, body, response: null });
