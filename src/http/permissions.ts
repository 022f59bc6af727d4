import { ApiError } from '../errors.ts';
import { flushEntry, type TenantTransaction } from '../tenancy/context/with-tenant.ts';
import { notFound } from './identifier.ts';
import { describeMiddleware } from './openapi/description.ts';
import { assertDeclared } from './permission-names.ts';
import type { AppMiddleware, Caller, CallerRights, Context } from './state.ts';

/** The input of a permission. */
export type PermissionRequest = Readonly<{
  method: string;
  /** Null: the request has no credentials. */
  caller: (Caller & Readonly<{ rights: CallerRights }>) | null;
}>;

/** Whether a request is allowed. */
export type Permission = (request: PermissionRequest) => boolean;

/** Callers with credentials. */
export const isAuthenticated: Permission = ({ caller }) => caller !== null;

/** Callers with `is_staff`, as Django REST Framework's IsAdminUser. */
export const isStaff: Permission = ({ caller }) => caller?.rights.isStaff === true;

/** Callers with `is_superuser`. */
export const isSuperuser: Permission = ({ caller }) => caller?.rights.isSuperuser === true;

/** Requests that change nothing: GET, HEAD and OPTIONS. */
export const isReadOnly: Permission = ({ method }) => ['GET', 'HEAD', 'OPTIONS'].includes(method);

/**
 * Callers with a permission that an app declares: `defineApp({ permissions })`. Superusers have all.
 *
 * The returned function throws TypeError if no app declares the name.
 */
export const hasPermission =
  (name: string): Permission =>
  ({ caller }) => {
    assertDeclared(name);
    return caller !== null && (caller.rights.isSuperuser || caller.rights.permissions.has(name));
  };

/** Returns a permission for the user with this id, such as the author of a row. Null allows no user. */
export const isUser =
  (id: number | string | null): Permission =>
  ({ caller }) =>
    caller !== null && id !== null && caller.userId === String(id);

/** Returns a permission that allows a request if any of the given permissions does. */
export const anyOf =
  (...permissions: readonly Permission[]): Permission =>
  (request) =>
    permissions.some((permission) => permission(request));

/** Returns a permission that allows a request if all of the given permissions do. */
export const allOf =
  (...permissions: readonly Permission[]): Permission =>
  (request) =>
    permissions.every((permission) => permission(request));

/**
 * Returns a permission that depends on the method. HEAD uses that of GET. Methods that are not
 * listed are allowed.
 */
export const byMethod =
  (
    permissions: Readonly<Partial<Record<'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', Permission>>>,
  ): Permission =>
  (request) => {
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const permission = Object.hasOwn(permissions, method)
      ? permissions[method as keyof typeof permissions]
      : undefined;
    return permission?.(request) ?? true;
  };

/** @throws ApiError `not_authenticated` or `permission_denied` */
function assertAllowed(permission: Permission, request: PermissionRequest): void {
  if (permission(request)) {
    return;
  }
  throw request.caller === null
    ? new ApiError('not_authenticated', 'Authentication credentials were not provided.')
    : new ApiError('permission_denied', 'You do not have permission to perform this action.');
}

/**
 * Sets the caller of a request. An `Authentication` calls it, and calls it again from
 * its guard when the database has reported the caller's rights.
 *
 * @throws ApiError `permission_denied`, when a route requires a right that the caller lacks
 */
export function setCaller(ctx: Context, caller: Caller): void {
  ctx.state.caller = caller;
  const { rights } = caller;
  if (rights) {
    for (const require of ctx.state.requirements ?? []) {
      require({ ...caller, rights });
    }
  }
}

const UNKNOWN_RIGHTS = 'Permissions require a middleware stack that opens the transaction.';

/**
 * Rejects requests that a permission does not allow: 403, or 401 without credentials. It comes
 * after a stack that opens the tenant's transaction, such as `authenticated`.
 *
 * The guard of the authentication reads the rights and checks them: no statement of the handler
 * takes effect before, and no round trip is added.
 */
export function permit(permission: Permission): AppMiddleware {
  return describeMiddleware({ errors: ['permission_denied'] }, async function permit(ctx, next) {
    const { method } = ctx;
    const { caller, guards } = ctx.state;
    if (caller?.rights || (!caller && guards.length === 0)) {
      const withRights = caller?.rights ? { ...caller, rights: caller.rights } : null;
      assertAllowed(permission, { method, caller: withRights });
      return next();
    }
    const tx: TenantTransaction | undefined = ctx.state.tx;
    if (!tx && !ctx.state.isSingle) {
      throw new TypeError(UNKNOWN_RIGHTS);
    }
    let isChecked = false;
    ctx.state.requirements = [
      ...(ctx.state.requirements ?? []),
      (withRights) => {
        assertAllowed(permission, { method, caller: withRights });
        isChecked = true;
      },
    ];
    await next();
    if (!isChecked && tx) {
      await flushEntry(tx);
    }
    // The authentication reports no rights. The transaction is rolled back, or has read only.
    if (!isChecked) {
      throw new TypeError(UNKNOWN_RIGHTS);
    }
  });
}

/**
 * Rejects a request for a row that a permission does not allow. Call it after the query that read
 * the row, when the caller's rights are known.
 *
 * @param hidden whether to respond with "Not found." instead of 403. Default: false
 * @throws ApiError `permission_denied`, `not_authenticated` or `not_found`
 */
export function assertPermitted(
  ctx: Pick<Context, 'method'> & Readonly<{ state: Pick<Context['state'], 'caller'> }>,
  permission: Permission,
  { hidden = false }: Readonly<{ hidden?: boolean }> = {},
): void {
  const { caller } = ctx.state;
  if (caller && !caller.rights) {
    throw new TypeError(UNKNOWN_RIGHTS);
  }
  const request = {
    method: ctx.method,
    caller: caller?.rights ? { ...caller, rights: caller.rights } : null,
  };
  if (hidden && !permission(request)) {
    throw notFound();
  }
  assertAllowed(permission, request);
}
