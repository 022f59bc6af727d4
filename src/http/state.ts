import type { DefaultState, Middleware, ParameterizedContext } from 'koa';

import type { EntryStatement } from '../db/entry.ts';
import type { Tenant } from '../tenancy/tenant.ts';
import type { TenantTransaction } from '../tenancy/with-tenant.ts';

/** Claims of an access token whose signature, issuer, audience and type were checked. */
export type AccessClaims = Readonly<{ userId: string; jti: string; version: number }>;

/** What middleware hands on to what stands below it. */
export type State = DefaultState & {
  requestId: string;
  /** Set by `findTenant`. */
  tenant: Tenant;
  /** Set by `authenticate`. */
  claims?: AccessClaims;
  /** Checks that travel with the transaction's entry. */
  guards: EntryStatement[];
  /** Set by `tenantTransaction`. */
  tx: TenantTransaction;
  /** What the parser made of the body, or why it could not; asked for by `readBody`. */
  body: { value: unknown } | { fault: Error };
};

export type Context = ParameterizedContext<State>;
export type Handler = (ctx: Context) => Promise<void>;
export type AppMiddleware = Middleware<State>;
