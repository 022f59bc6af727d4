import type { RouteDependencies } from '../../definition/dependencies.ts';
import { ApiError } from '../../errors.ts';
import { callerOf } from '../../http/authentication.ts';
import { enterTenant } from '../../http/enter-tenant.ts';
import { describeMiddleware } from '../../http/openapi/description.ts';
import { assertPermitted, isStaff } from '../../http/permissions.ts';
import type { AppMiddleware, Context } from '../../http/state.ts';
import { flushEntry } from '../../tenancy/context/with-tenant.ts';
import type { Actor } from '../../tenancy/operations/operation-kind.ts';
import type { environment } from './settings.ts';

export type OperatorDependencies = RouteDependencies<Record<never, never>, typeof environment>;

/** The operator of a request: a user of the public site. */
export type Operator = Readonly<{ id: string; username: string; isSuperuser: boolean }>;

const operators = new WeakMap<object, Operator>();

/** Returns the operator of a request that passed `staffOnly`. */
export function operatorOf(ctx: Pick<Context, 'state'>): Operator {
  const operator = operators.get(ctx.state);
  if (!operator) {
    throw new TypeError('operatorOf() needs a route with the stack of staffOnly().');
  }
  return operator;
}

/** Returns what the engine records about the operator of a request. */
export const actorOf = (ctx: Context): Actor => ({ actor: operatorOf(ctx).username, address: ctx.ip });

/**
 * Returns the middleware of all operator routes: staff of the public site only. The caller is checked in a transaction of
 * the public site, which ends before the handler begins: the functions for operators run outside any tenant.
 */
export function staffOnly({
  tenantDatabase,
  stacks,
  owners,
}: Pick<OperatorDependencies, 'tenantDatabase' | 'stacks' | 'owners'>): readonly AppMiddleware[] {
  const check = describeMiddleware({ errors: ['permission_denied'] }, async function staffOnly(ctx, next) {
    const users = owners()?.members ?? null;
    const username = await enterTenant(
      tenantDatabase,
      ctx.state,
      { readOnly: true, whileUnpaid: true },
      async (tx) => {
        if (!users) {
          await flushEntry(tx);
          return '';
        }
        return users.usernameOf(tx, callerOf(ctx.state).userId);
      },
    );
    assertPermitted(ctx as Context, isStaff);
    const caller = callerOf(ctx.state);
    if (caller.actor !== null) {
      throw new ApiError('permission_denied', 'An operator who acts for a user cannot operate tenants.');
    }
    operators.set(ctx.state, {
      id: caller.userId,
      username,
      isSuperuser: caller.rights?.isSuperuser === true,
    });
    ctx.set('Cache-Control', 'no-store');
    await next();
  });
  return [...stacks.always.identified, check];
}
