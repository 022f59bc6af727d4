import type pg from 'pg';

/**
 * How the service's login becomes a member of a tenant's role: it may turn into
 * it and inherits nothing. PostgreSQL 16 can say so; on 15 NOINHERIT of the
 * login says it. `version` is PostgreSQL's `server_version_num`.
 */
export const membershipOptionsOf = (version: number): string =>
  version >= 160_000 ? ' with inherit false, set true, admin false' : '';

/** The same, for whoever does not know the version yet. */
export async function membershipOptions(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ version: number }>(
    `select current_setting('server_version_num')::integer as version`,
  );
  return membershipOptionsOf(rows[0]?.version ?? 0);
}
