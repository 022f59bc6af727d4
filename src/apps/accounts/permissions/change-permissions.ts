import type pg from 'pg';

import { ApiError, OperatorError } from '../../../errors.ts';
import { unknownPermission } from '../../../http/permission-names.ts';
import { withTenantAsOwner } from '../../../tenancy/context/with-owner-tenant.ts';
import { permissionsOf, type TenancyProject } from '../../../tenancy/registry/project.ts';

export type PermissionChange = Readonly<{
  username: string;
  grant?: readonly string[];
  revoke?: readonly string[];
}>;

export type UserPermissions = Readonly<{
  username: string;
  isSuperuser: boolean;
  /** Sorted. Those of a superuser are the stored ones, although a superuser has all. */
  permissions: readonly string[];
}>;

type Stored = { id: string; username: string; is_superuser: boolean; permissions: string[] };

/**
 * Grants and revokes permissions of one user, with the migration login. Granting a permission that the user has,
 * and revoking one that the user does not have, changes nothing. A name that no app declares any more can be revoked.
 *
 * @throws DomainError `usage_invalid`, `user_not_found` or `tenant_not_found`
 */
export async function changePermissions(
  owner: pg.ClientConfig,
  schema: string,
  project: Pick<TenancyProject, 'apps'>,
  { username, grant = [], revoke = [] }: PermissionChange,
): Promise<UserPermissions> {
  const declared = Object.keys(permissionsOf(project));
  const assertKnown = (names: readonly string[], known: readonly string[]): void => {
    const unknown = names.find((name) => !known.includes(name));
    if (unknown !== undefined) {
      throw new OperatorError('usage_invalid', unknownPermission(unknown, declared));
    }
  };
  assertKnown(grant, declared);
  return withTenantAsOwner(owner, schema, async (client) => {
    const { rows } = await client.query<Stored>(
      `select id, username, is_superuser, permissions
       from users
       where lower(username) = lower($1)
       for update`,
      [username],
    );
    const [user] = rows;
    if (!user) {
      throw new ApiError('user_not_found', `Schema "${schema}" has no user "${username}".`);
    }
    assertKnown(revoke, [...declared, ...user.permissions]);
    const permissions = [...new Set([...user.permissions, ...grant])]
      .filter((name) => !revoke.includes(name))
      .sort();
    await client.query('update users set permissions = $2 where id = $1', [user.id, permissions]);
    return { username: user.username, isSuperuser: user.is_superuser, permissions };
  });
}
