import type { AppMiddleware } from './state.ts';

/** Middleware that routes put before their handlers. docs/apps.md compares the stacks. */
export type MiddlewareStack = Readonly<{
  /** For pages: does not read credentials, and accepts requests whose Accept header excludes JSON. */
  page: readonly AppMiddleware[];
  /**
   * For pages of a user: requires the session of a browser, sends others to the login page, and opens the tenant's
   * transaction.
   */
  browser: readonly AppMiddleware[];
  /** Does not read credentials. */
  open: readonly AppMiddleware[];
  /** Accepts requests without credentials and rejects invalid ones. The guard waits for the handler's transaction. */
  optionalAuth: readonly AppMiddleware[];
  /** Requires credentials. The guard waits for the transaction that the handler opens. */
  identified: readonly AppMiddleware[];
  /** Requires credentials, and opens the tenant's transaction: `ctx.state.tx`. */
  authenticated: readonly AppMiddleware[];
}>;

/** The stacks that routes choose from. docs/apps.md compares them. */
export type MiddlewareStacks = Readonly<{
  /** Rejects tenants with an overdue payment, with 402. */
  paid: MiddlewareStack;
  /** Also serves tenants with an overdue payment: for login, the user's own account and the subscription. */
  always: MiddlewareStack;
}>;
