import pg from 'pg';

/**
 * Opens a direct connection of the migrating login that speaks PostgreSQL's
 * replication protocol beside SQL. It takes simple queries only.
 */
export async function openReplication(connection: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client({
    ...connection,
    application_name: 'koa-tenants move',
    // Known to pg, and not to its types.
    replication: 'database',
  } as pg.ClientConfig);
  client.on('error', () => {});
  await client.connect();
  return client;
}
