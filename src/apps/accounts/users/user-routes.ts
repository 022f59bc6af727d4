import type Router from '@koa/router';
import { callerOf } from '../../../http/authentication.ts';
import { parseIdentifier } from '../../../http/identifier.ts';
import { operation } from '../../../http/openapi/description.ts';
import { resource } from '../../../http/resource.ts';
import type { Caller, Context, State } from '../../../http/state.ts';
import { accountRequestOf } from '../account-request.ts';
import {
  currentPasswordBody,
  partialProfileBody,
  profileBody,
  readCurrentPassword,
  readProfile,
  userFields,
} from '../bodies.ts';
import { type AccountDependencies, type MiddlewareStack, read, write } from '../dependencies.ts';
import { assertNotImpersonating } from '../impersonation/impersonate.ts';
import { loadTargetAccount } from '../impersonation/load-target-account.ts';
import { assertCurrentPassword } from '../passwords/credentials.ts';
import { user } from '../responses.ts';
import type { AccountSettings } from '../settings.ts';
import { deleteAccount } from './account-changes.ts';
import { lockAccount } from './account-queries.ts';
import { changeNames } from './change-names.ts';
import { present } from './present.ts';

type IdOf = (ctx: Context, caller: Caller) => string;

const own: IdOf = (_ctx, { userId }) => userId;
/** Returns the ID as in the token: without leading zeros. */
const named: IdOf = (ctx) => BigInt(parseIdentifier(ctx.params.id)).toString();

async function showUser(dependencies: AccountDependencies, ctx: Context, idOf: IdOf): Promise<void> {
  const settings = await dependencies.settingsOf(ctx.state.tenant);
  const { target } = await read(dependencies, ctx.state, (tx) => {
    const caller = callerOf(ctx.state);
    return loadTargetAccount(tx, caller, settings, { id: idOf(ctx, caller), changes: false });
  });
  ctx.body = present(target, settings);
}

async function changeUser(
  dependencies: AccountDependencies,
  ctx: Context,
  idOf: IdOf,
  { partial }: { partial: boolean },
): Promise<void> {
  const settings = await dependencies.settingsOf(ctx.state.tenant);
  const account = await write(dependencies, ctx.state, async (tx) => {
    const caller = callerOf(ctx.state);
    assertNotImpersonating(caller);
    const { target } = await loadTargetAccount(tx, caller, settings, {
      id: idOf(ctx, caller),
      changes: true,
    });
    const names = readProfile(ctx, settings, { partial });
    const held = await lockAccount(tx, String(target.id));
    return changeNames(tx, settings, held ?? target, names);
  });
  dependencies.wakeMail();
  ctx.body = present(account, settings);
}

async function removeUser(dependencies: AccountDependencies, ctx: Context, idOf: IdOf): Promise<void> {
  const settings = await dependencies.settingsOf(ctx.state.tenant);
  const { caller, target } = await read(dependencies, ctx.state, (tx) => {
    const caller = callerOf(ctx.state);
    assertNotImpersonating(caller);
    return loadTargetAccount(tx, caller, settings, { id: idOf(ctx, caller), changes: true });
  });
  const given = readCurrentPassword(ctx);
  await assertCurrentPassword(dependencies, accountRequestOf(ctx), settings, { account: caller, given });
  await write(dependencies, ctx.state, (tx) => deleteAccount(tx, target.id));
  ctx.status = 204;
}

/** Creates `/users/me/` and `/users/{id}/`, in this order, after every other path below `/users/`. */
export function userRoutes(
  router: Router<State>,
  dependencies: AccountDependencies,
  { identified }: Pick<MiddlewareStack, 'identified'>,
): void {
  for (const [path, idOf, whose] of [
    ['/api/auth/users/me', own, 'the caller'],
    ['/api/auth/users/:id', named, 'a user'],
  ] as const) {
    resource(
      router,
      path,
      identified,
      {
        GET: operation({ summary: `Get ${whose}`, response: user }, (ctx) =>
          showUser(dependencies, ctx, idOf),
        ),
        PUT: operation<AccountSettings>(
          { summary: `Replace the profile of ${whose}`, body: profileBody, response: user },
          (ctx) => changeUser(dependencies, ctx, idOf, { partial: false }),
        ),
        PATCH: operation<AccountSettings>(
          { summary: `Change the profile of ${whose}`, body: partialProfileBody, response: user },
          (ctx) => changeUser(dependencies, ctx, idOf, { partial: true }),
        ),
        DELETE: operation(
          {
            summary: `Delete ${whose}`,
            description: "Requires the caller's password.",
            body: currentPasswordBody,
            response: null,
          },
          (ctx) => removeUser(dependencies, ctx, idOf),
        ),
      },
      {
        name: 'User Instance',
        fields: async (ctx) => userFields(await dependencies.settingsOf(ctx.state.tenant)),
      },
    );
  }
}
