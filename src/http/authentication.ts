import { ApiError } from '../errors.ts';
import type { SettingsOf } from '../tenancy/context/settings-of.ts';
import type { AppSecrets } from '../tenancy/registry/signing-key.ts';
import type { ResolvedTenant } from '../tenancy/registry/tenant.ts';
import { seeOther } from './html/page-route.ts';
import { notFound } from './identifier.ts';
import { describeMiddleware } from './openapi/description.ts';
import type { AppMiddleware, Caller, Context } from './state.ts';

/** How requests identify a user. An app provides it: `defineApp({ authentication })`. */
export type Authentication = Readonly<{
  /**
   * Reads the credentials of a request of `ctx.state.tenant`. Returns whether there were any.
   *
   * Sets `ctx.state.caller`, and pushes guards onto `ctx.state.guards`: statements that travel with the entry of the
   * tenant's transaction and reject the request there. A guard calls `setCaller` with the caller's rights: routes with
   * a permission fail without them.
   *
   * @throws ApiError with status 401 for invalid credentials
   */
  identify: (ctx: Context) => Promise<boolean>;
  /**
   * As `identify`, with the session of a browser that shows a page: a cookie that the browser sends by itself, so a form
   * must also be checked with `FormTokens`. Undefined: pages have no session.
   */
  identifyBrowser?: (ctx: Context) => Promise<boolean>;
  /** Returns the path of the tenant's login page. It takes `next`. Null: the tenant has none. */
  loginPage?: (tenant: ResolvedTenant) => Promise<string | null>;
  /**
   * Creates a short-lived token that opens one session of `username` in another tenant, for the
   * operator `actor`. Undefined when the app does not offer impersonation.
   */
  issueCredentials?: (tenant: ResolvedTenant, whose: Readonly<{ username: string; actor: string }>) => string;
}>;

/** Creates an `Authentication` when the service starts. */
export type OpenAuthentication = (
  dependencies: Readonly<{ secrets: AppSecrets; settingsOf: SettingsOf<unknown> }>,
) => Promise<Authentication>;

/** The authentication of a project without accounts: no request has credentials. */
export const NO_AUTHENTICATION: Authentication = { identify: async () => false };

/** Rejects requests without credentials. */
export function requireCaller({ identify }: Authentication): AppMiddleware {
  return describeMiddleware({ credentials: 'required' }, async function requireCaller(ctx, next) {
    if (!(await identify(ctx as Context))) {
      throw new ApiError('not_authenticated', 'Authentication credentials were not provided.');
    }
    await next();
  });
}

/** Accepts requests without credentials. Invalid credentials are rejected. */
export function optionalAuth({ identify }: Authentication): AppMiddleware {
  return describeMiddleware({ credentials: 'optional' }, async function optionalAuth(ctx, next) {
    await identify(ctx as Context);
    await next();
  });
}

/**
 * Sends browsers without a session to the login page, and back after it.
 *
 * @throws ApiError `not_found` for a tenant without a login page
 */
export function requireBrowser({ identifyBrowser, loginPage }: Authentication): AppMiddleware {
  return describeMiddleware({ credentials: 'required' }, async function requireBrowser(ctx, next) {
    const login = await loginPage?.(ctx.state.tenant);
    if (!identifyBrowser || !login) {
      throw notFound();
    }
    const toLogin = (): void =>
      seeOther(ctx as Context, `${login}?next=${encodeURIComponent(ctx.method === 'GET' ? ctx.path : '/')}`);
    if (!(await identifyBrowser(ctx as Context))) {
      toLogin();
      return;
    }
    try {
      await next();
    } catch (error) {
      // The session has ended: the guard reports it when the transaction is entered.
      if (!(error instanceof ApiError) || error.status !== 401) {
        throw error;
      }
      toLogin();
    }
  });
}

/**
 * Returns the user of a request that came through the stack `authenticated`. In the stack
 * `identified`, a caller that only the database can identify is set after the transaction has
 * begun.
 *
 * @throws ApiError `not_found` when there is none
 */
export function callerOf({ caller }: Readonly<{ caller?: Caller | undefined }>): Caller {
  if (!caller) {
    throw notFound();
  }
  return caller;
}
