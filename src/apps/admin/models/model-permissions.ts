import type { ModelAction } from '../../../definition/models.ts';
import { callerOf } from '../../../http/authentication.ts';
import { describeMiddleware } from '../../../http/openapi/description.ts';
import { anyOf, hasPermission, type Permission, permit } from '../../../http/permissions.ts';
import type { AppMiddleware, Context } from '../../../http/state.ts';
import { flushEntry } from '../../../tenancy/context/with-tenant.ts';
import type { AdminModel } from './admin-model.ts';
import type { Models } from './relations.ts';

const ACTIONS: Readonly<Record<string, ModelAction>> = {
  POST: 'add',
  PUT: 'change',
  PATCH: 'change',
  DELETE: 'delete',
};

/** Returns the permission that staff need for an action. Undefined: they need none. */
function permissionFor({ permissions }: AdminModel, action: ModelAction): Permission | undefined {
  const { view, change } = permissions;
  // The response to a change contains the row.
  const name = action === 'change' ? (change ?? view) : permissions[action];
  if (name === undefined) {
    return undefined;
  }
  return action === 'view' && change !== undefined
    ? anyOf(hasPermission(name), hasPermission(change))
    : hasPermission(name);
}

/** Rejects staff without the permission that the model of the path requires for the method. */
export const permitModel = ({ byName }: Pick<Models, 'byName'>): AppMiddleware =>
  describeMiddleware({ errors: ['permission_denied'] }, async function permitModel(ctx, next) {
    const { method, params } = ctx as Context;
    const model = byName.get(String(params.model));
    const required = model && permissionFor(model, ACTIONS[method] ?? 'view');
    await (required ? permit(required)(ctx, next) : next());
  });

/** What the caller of a request may do with the rows of models. */
export type Access = (model: AdminModel, action: ModelAction) => boolean;

/** Returns what the caller may do, when the guard of the request has reported the caller's rights. */
export async function accessOf({ method, state }: Context): Promise<Access> {
  if (!callerOf(state).rights) {
    await flushEntry(state.tx);
  }
  const { rights, ...caller } = callerOf(state);
  return (model, action) =>
    permissionFor(model, action)?.({ method, caller: rights ? { ...caller, rights } : null }) ?? true;
}
