import type { DefaultState, Middleware, ParameterizedContext } from 'koa';
import type { QuerySqlToken } from 'slonik';
import type { z } from 'zod';

import type { EntryStatement } from '../db/driver/entry.ts';
import type { ErrorCode } from '../errors.ts';
import type { TenantTransaction, TransactionLimits } from '../tenancy/context/with-tenant.ts';
import type { ResolvedTenant } from '../tenancy/registry/tenant.ts';
import type { DatabaseUse } from './database-use.ts';
import type { ListLimits } from './lists/parameters.ts';

/** Claims of an access token whose signature, issuer, audience and type were checked. */
export type AccessClaims = Readonly<{
  userId: string;
  version: number;
  /** The session that the token belongs to. */
  family: string;
  /** The operator who acts for the user. Null when it is the user. */
  actor: string | null;
}>;

/** A user's rights as the database has them. `permissions` are the named ones of the project's authentication. */
export type CallerRights = Readonly<{
  isStaff: boolean;
  isSuperuser: boolean;
  permissions: ReadonlySet<string>;
}>;

/** The user that a request's credentials belong to. */
export type Caller = Readonly<{
  userId: string;
  family: string;
  actor: string | null;
  /** Set once the transaction is entered: the guard that checks the user reads them. */
  rights?: CallerRights;
}>;

/** Throws to reject a caller that lacks a right. */
export type Requirement = (caller: Caller & Readonly<{ rights: CallerRights }>) => void;

/** Runs the only query of a request. See `single`. */
export type RunSingle = <Schema extends z.ZodType>(
  build: () => QuerySqlToken<Schema>,
) => Promise<ReadonlyArray<z.output<Schema>>>;

/**
 * Runs a read-only transaction that lasts as long as its response. `recheck` throws when the user or the tenant's status
 * no longer admit the request.
 *
 * @throws Unavailable `overloaded`, when too many run
 */
export type RunExport = <T>(
  work: (tx: TenantTransaction, recheck: () => Promise<void>) => Promise<T>,
) => Promise<T>;

/** State that middleware passes to the following middleware. */
export type State = DefaultState & {
  requestId: string;
  /** The pattern of the path, as its resource was registered. */
  route?: string;
  /** The code of a rejected request. */
  code?: ErrorCode;
  /** The statements of the request. */
  use: DatabaseUse;
  /** Set by `limitTenant`. */
  limits?: TransactionLimits & ListLimits & Readonly<{ responseBytes: number; exportTimeout: number }>;
  /** The value of the cookie of forms. Set by `FormTokens`. */
  browser?: string;
  /** Set by `findTenant`. */
  tenant: ResolvedTenant;
  /** Set by `authenticate`. For a key, set by the guard that looks it up, once the transaction is entered. */
  caller?: Caller;
  /** Checks that are sent with the transaction's entry. */
  guards: EntryStatement[];
  /** Called by `setCaller` with the caller and its rights. Each throws to reject the request. */
  requirements?: readonly Requirement[];
  /** Whether the handler was made by `single` or `exportRows`. Set by `resource`. */
  isSingle?: boolean;
  /** Types of the response in addition to JSON. Set by `resource`. */
  produces?: readonly string[];
  /** Set by `tenantTransaction`, in place of `tx`, for a handler made by `single`. */
  runSingle?: RunSingle;
  /** Set by `tenantTransaction`, in place of `tx`, for a handler that opens its transaction itself. */
  runExport?: RunExport;
  /** Set by `tenantTransaction`. */
  tx: TenantTransaction;
  /** The body as it was sent, for signatures. Set by `parseBody`, unless there is none or it is rejected. */
  rawBody?: Buffer;
  /** Returns the parsed body, or throws its error. Called by `readBody`. */
  body: () => unknown;
};

/** Koa's context, with the state that the middleware sets. */
export type Context = ParameterizedContext<State>;
/** Handles one method of a resource. An error that it throws rolls the transaction back. */
export type Handler = (ctx: Context) => Promise<void>;
/** Koa middleware with the same state. */
export type AppMiddleware = Middleware<State>;
