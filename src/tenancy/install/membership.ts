import type pg from 'pg';

/**
 * Returns the grant options with which the service's login becomes a member of a tenant's role: it may
 * SET ROLE and inherits nothing. PostgreSQL 16 has the options; on 15 NOINHERIT of the login has this
 * effect. `version` is `server_version_num`.
 */
export const membershipOptionsOf = (version: number): string =>
  version >= 160_000 ? ' with inherit false, set true, admin false' : '';

/** Returns the same as `membershipOptionsOf`, for the version of the connected server. */
export async function membershipOptions(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ version: number }>(
    `select current_setting('server_version_num')::integer as version`,
  );
  return membershipOptionsOf(rows[0]?.version ?? 0);
}
