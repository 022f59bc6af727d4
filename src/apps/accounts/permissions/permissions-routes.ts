import type Router from '@koa/router';
import { sql } from 'slonik';
import { z } from 'zod';

import { ValidationFailed } from '../../../errors.ts';
import { callerOf } from '../../../http/authentication.ts';
import { readBody } from '../../../http/body/validate.ts';
import { orNotFound, parseIdentifier } from '../../../http/identifier.ts';
import { unknownPermission } from '../../../http/permission-names.ts';
import { assertPermitted, isSuperuser } from '../../../http/permissions.ts';
import { resource } from '../../../http/resource.ts';
import type { Context, State } from '../../../http/state.ts';
import type { AccountDependencies, MiddlewareStack } from '../dependencies.ts';
import { assertNotImpersonating } from '../impersonation/impersonate.ts';
import { loadTargetAccount } from '../impersonation/load-target-account.ts';

const stored = z.object({ is_superuser: z.boolean(), permissions: z.array(z.string()) });
const fields = { permissions: z.array(z.string()) };

const selectPermissions = (id: number) => sql.type(stored)`
  select is_superuser, permissions
  from users
  where id = ${id}
`;

const updatePermissions = (id: number, names: readonly string[]) => sql.type(stored)`
  update users
  set permissions = ${sql.array(names, 'text')}
  where id = ${id}
  returning is_superuser, permissions
`;

/**
 * Creates `/users/me/permissions/` and `/users/{id}/permissions/`: a user and staff read a user's permissions, and
 * superusers replace them. Names that no app declares are not shown.
 */
export function permissionsRoutes(
  router: Router<State>,
  { settingsOf, permissions }: Pick<AccountDependencies, 'settingsOf' | 'permissions'>,
  { authenticated }: Pick<MiddlewareStack, 'authenticated'>,
): void {
  const declared = Object.keys(permissions);
  const present = ({ is_superuser: hasAll, permissions: own }: z.output<typeof stored>) => ({
    permissions: declared.filter((name) => hasAll || own.includes(name)),
  });

  const targetOf = async (ctx: Context, id: string, changes: boolean): Promise<number> => {
    const settings = await settingsOf(ctx.state.tenant);
    const request = { id: BigInt(id).toString(), changes };
    return (await loadTargetAccount(ctx.state.tx, callerOf(ctx.state), settings, request)).target.id;
  };

  const idOf = (ctx: Context): string => parseIdentifier(ctx.params.id ?? callerOf(ctx.state).userId);

  for (const path of ['/api/auth/users/me/permissions', '/api/auth/users/:id/permissions']) {
    resource(
      router,
      path,
      authenticated,
      {
        GET: async (ctx) => {
          const id = await targetOf(ctx, idOf(ctx), false);
          ctx.body = present(orNotFound(await ctx.state.tx.maybeOne(selectPermissions(id))));
        },
        PUT: async (ctx) => {
          assertNotImpersonating(callerOf(ctx.state));
          const id = await targetOf(ctx, idOf(ctx), true);
          assertPermitted(ctx, isSuperuser);
          const names = [...new Set(readBody(ctx, z.object(fields)).permissions)].sort();
          const unknown = names.filter((name) => !declared.includes(name));
          if (unknown.length > 0) {
            throw new ValidationFailed({
              permissions: unknown.map((name) => unknownPermission(name, declared)),
            });
          }
          ctx.body = present(orNotFound(await ctx.state.tx.maybeOne(updatePermissions(id, names))));
        },
      },
      { name: 'User Permissions', fields },
    );
  }
}
