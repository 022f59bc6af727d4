import pg from 'pg';

import { openPool } from '../db/pool/pool.ts';
import type { TenancyProject } from '../tenancy/registry/project.ts';
import type { AttackContext } from './context.ts';
import { openOwnerConnection } from './owner-connection.ts';
import type { Scratch } from './scratch-tenants.ts';
import { shareConnections } from './shared-connections.ts';

export type Targets = Readonly<{
  /** The migrating login. */
  owner: pg.ClientConfig;
  /** The service's login. Null: a login with its rights is created for the run. */
  service: pg.ClientConfig | null;
  /** Its apps determine the tables of the scratch tenants. */
  project: TenancyProject;
}>;

function urlFor({ connectionString = '' }: pg.ClientConfig, login: Scratch['login']): string {
  const url = new URL(connectionString);
  url.username = login?.user ?? '';
  url.password = login?.password ?? '';
  return url.href;
}

/**
 * Opens two scratch tenants, which are attacked with the service's login or with a login created for
 * the run.
 */
export async function openAttackContext(
  { owner, service }: Targets,
  scratch: Scratch,
): Promise<Readonly<{ context: AttackContext; close: () => Promise<void> }>> {
  const login = scratch.login;
  const connection = service ?? { ...owner, connectionString: urlFor(owner, login) };
  const pool = await openPool({
    connection,
    applicationName: 'koa-tenants attack',
    connectTimeout: 10_000,
    queryTimeout: 10_000,
    maxPoolSize: 2,
    poolTimeout: 10_000,
    maxConnectionAge: 600_000,
  });
  const ownerConnection = openOwnerConnection(owner);
  const connections = shareConnections(async () => {
    const client = new pg.Client({ ...connection, application_name: 'koa-tenants attack' });
    client.on('error', () => {});
    await client.connect();
    return client;
  });
  const context: AttackContext = {
    ...scratch,
    tenantDatabase: { poolOf: () => pool, key: scratch.key, statementTimeout: 5000 },
    keys: [scratch.key],
    bare: connections.open,
    // A superuser bypasses every policy, including a manipulated one.
    inside: (member, text) =>
      scratch.superuser ? ownerConnection.query(text) : ownerConnection.inside(member, text),
    migrating: ownerConnection.inside,
    asGlobalOwner: ownerConnection.asGlobalOwner,
  };
  return {
    context,
    close: async () => {
      await Promise.all([pool.end(), connections.close(), ownerConnection.close()]);
    },
  };
}
