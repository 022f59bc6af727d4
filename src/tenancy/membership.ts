import type pg from 'pg';

/**
 * How the service's login becomes a member of a tenant's role: it may turn into
 * it and inherits nothing. PostgreSQL 16 can say so; on 15 NOINHERIT of the
 * login says it.
 */
export async function membershipOptions(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ version: number }>(
    `select current_setting('server_version_num')::integer as version`,
  );
  return (rows[0]?.version ?? 0) >= 160_000 ? ' with inherit false, set true, admin false' : '';
}
