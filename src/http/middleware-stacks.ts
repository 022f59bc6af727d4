import type { AppMiddleware } from './state.ts';

/** Middleware that routes put before their handlers. docs/apps.md compares them. */
export type MiddlewareStack = Readonly<{
  /** Does not read credentials. */
  open: readonly AppMiddleware[];
  /** Lets requests without credentials pass, and rejects invalid ones. The guard waits for the handler's transaction. */
  optionalAuth: readonly AppMiddleware[];
  /** Requires credentials. The guard waits for the transaction that the handler opens. */
  identified: readonly AppMiddleware[];
  /** Requires credentials, and opens the tenant's transaction: `ctx.state.tx`. */
  authenticated: readonly AppMiddleware[];
}>;

/** The stacks that routes choose from. docs/apps.md compares them. */
export type MiddlewareStacks = Readonly<{
  /** Rejects tenants that have to pay, with 402. */
  paid: MiddlewareStack;
  /** Serves tenants that have to pay, too: for login, the own account and the subscription. */
  always: MiddlewareStack;
}>;
