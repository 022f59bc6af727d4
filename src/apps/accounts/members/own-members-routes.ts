import type Router from '@koa/router';
import type { z } from 'zod';

import { ApiError, ValidationFailed } from '../../../errors.ts';
import { callerOf } from '../../../http/authentication.ts';
import { readBody } from '../../../http/body/validate.ts';
import { orNotFound, parseIdentifier } from '../../../http/identifier.ts';
import { numberedPages } from '../../../http/lists/numbered-page.ts';
import { recordOwnEvent } from '../../../http/own-events.ts';
import { isStaff, permit } from '../../../http/permissions.ts';
import { resource } from '../../../http/resource.ts';
import { single } from '../../../http/single.ts';
import type { Context, State } from '../../../http/state.ts';
import type { MiddlewareStack } from '../dependencies.ts';
import { assertNotImpersonating } from '../impersonation/impersonate.ts';
import { member } from './member.ts';
import {
  lockMembers,
  type MemberChanges,
  memberList,
  selectMember,
  updateMember,
} from './own-members-queries.ts';

type Member = z.output<typeof member.row>;

const RIGHTS = ['is_active', 'is_staff', 'is_superuser'] as const;

/**
 * Only superusers change rights, and the account of another superuser. A superuser cannot change their own rights:
 * otherwise a host could lose its last superuser.
 *
 * @throws ApiError `permission_denied`, or ValidationFailed on a right of the caller
 */
function assertMayChange(caller: Member, target: Member, changes: MemberChanges): void {
  const changed = RIGHTS.filter((right) => changes[right] !== undefined && changes[right] !== target[right]);
  if (target.id === caller.id && changed.length > 0) {
    throw new ValidationFailed(
      Object.fromEntries(changed.map((right) => [right, ['You cannot change this for your own account.']])),
    );
  }
  const needsSuperuser = target.is_superuser || changed.some((right) => right !== 'is_active');
  if (!caller.is_staff || (needsSuperuser && !caller.is_superuser)) {
    throw new ApiError('permission_denied', 'You do not have permission to perform this action.');
  }
}

/** Adds the change of a user to the tenant's audit. */
async function recordChange(ctx: Context, caller: Member, before: Member, after: Member): Promise<void> {
  const names = ([...RIGHTS, 'first_name', 'last_name'] as const).filter(
    (name) => before[name] !== after[name],
  );
  if (names.length === 0) {
    return;
  }
  const valuesOf = (row: Member) => ({
    id: row.id,
    username: row.username,
    ...Object.fromEntries(names.map((name) => [name, row[name]])),
  });
  await recordOwnEvent(ctx, {
    action: 'change-user',
    actor: caller.username,
    before: valuesOf(before),
    after: valuesOf(after),
  });
}

async function change(ctx: Context): Promise<void> {
  const { tx } = ctx.state;
  const { userId } = callerOf(ctx.state);
  assertNotImpersonating(callerOf(ctx.state));
  const id = parseIdentifier(ctx.params.id);
  // The rights of the caller are read again, under the lock: two superusers may demote each other.
  const locked = await tx.any(lockMembers([id, userId]));
  const before = orNotFound(locked.find((row) => String(row.id) === BigInt(id).toString()));
  const caller = orNotFound(locked.find((row) => String(row.id) === userId));
  const changes = readBody(ctx, member.partialBody);
  assertMayChange(caller, before, changes);
  const after = orNotFound(await tx.maybeOne(updateMember(id, changes)));
  await recordChange(ctx, caller, before, after);
  ctx.body = after;
}

/** Creates `/members/`: the users of the host with their rights, for its staff. New users register with `/users/`. */
export function ownMembersRoutes(
  router: Router<State>,
  { authenticated }: Pick<MiddlewareStack, 'authenticated'>,
): void {
  const staff = [...authenticated, permit(isStaff)];

  resource(
    router,
    '/api/auth/members',
    staff,
    { GET: numberedPages(memberList) },
    { name: 'Member List', fields: member },
  );

  resource(
    router,
    '/api/auth/members/:id',
    staff,
    {
      GET: single(
        (ctx) => selectMember(parseIdentifier(ctx.params.id)),
        (ctx, [row]) => {
          ctx.body = orNotFound(row);
        },
      ),
      PATCH: change,
    },
    { name: 'Member Instance', fields: member },
  );
}
