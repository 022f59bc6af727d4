import pg from 'pg';

/**
 * Opens a direct connection of the migrating login that supports PostgreSQL's replication protocol in
 * addition to SQL. Supports simple queries only.
 */
export async function openReplication(connection: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client({
    ...connection,
    application_name: 'koa-tenants move',
    // Supported by pg, but missing in its types.
    replication: 'database',
  } as pg.ClientConfig);
  client.on('error', () => {});
  await client.connect();
  return client;
}
