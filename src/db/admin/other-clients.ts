import pg from 'pg';

/** Returns whether another client is connected to the server. Requires a superuser. */
export async function hasOtherClients(connection: pg.ClientConfig): Promise<boolean> {
  const client = new pg.Client(connection);
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<{ others: boolean }>(`
      select exists (
        select from pg_catalog.pg_stat_activity as a
        where a.backend_type = 'client backend'
          and a.pid <> pg_backend_pid()
      ) as others
    `);
    return rows[0]?.others === true;
  } finally {
    await client.end();
  }
}
