import pg from 'pg';

import { beginSql } from '../db/admin/actor.ts';
import { openPool } from '../db/pool/pool.ts';
import { enterSql, withTenantAsOwner } from '../tenancy/context/with-owner-tenant.ts';
import { withGlobalTables } from '../tenancy/install/global-migrations.ts';
import type { TenancyProject } from '../tenancy/registry/project.ts';
import type { AttackContext, AttackTenant } from './context.ts';
import type { Scratch } from './scratch-tenants.ts';
import { type SharedConnections, shareConnections } from './shared-connections.ts';

export type Targets = Readonly<{
  /** The migrating login. */
  owner: pg.ClientConfig;
  /** The service's login. Null: a login with its rights is created for the run. */
  service: pg.ClientConfig | null;
  /** Its apps determine the tables of the scratch tenants. */
  project: TenancyProject;
}>;

/** Returns the rows of the last statement of a text. */
const lastRows = (results: pg.QueryResult | readonly pg.QueryResult[]): Record<string, unknown>[] =>
  [results].flat().at(-1)?.rows ?? [];

function urlFor({ connectionString = '' }: pg.ClientConfig, login: Scratch['login']): string {
  const url = new URL(connectionString);
  url.username = login?.user ?? '';
  url.password = login?.password ?? '';
  return url.href;
}

/** Runs statements inside a tenant as its owner, in a transaction on a connection of the pool. */
async function insideOn(
  pool: pg.Pool,
  { schema }: AttackTenant,
  text: string,
): Promise<readonly Record<string, unknown>[]> {
  const client = await pool.connect();
  try {
    await client.query(`${beginSql()}; ${enterSql({ schema })}`);
    const rows = lastRows(await client.query(text));
    await client.query('commit');
    client.release();
    return rows;
  } catch (error) {
    // Closing the connection rolls back.
    client.release(true);
    throw error;
  }
}

/**
 * Opens two scratch tenants, which are attacked with the service's login or with a login created for
 * the run.
 */
export async function openAttackContext(
  { owner, service }: Targets,
  scratch: Scratch,
): Promise<
  Readonly<{ context: AttackContext; share: SharedConnections['share']; close: () => Promise<void> }>
> {
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
  // One connection for hundreds of queries. It closes when the context does.
  const ownerPool = new pg.Pool({ ...owner, max: 1, application_name: 'koa-tenants owner' });
  // An error between two queries would otherwise end the process.
  ownerPool.on('error', () => {});
  const { open: bare, share } = shareConnections(async () => {
    const client = new pg.Client({ ...connection, application_name: 'koa-tenants attack' });
    client.on('error', () => {});
    await client.connect();
    return client;
  });
  const migrating: AttackContext['migrating'] = ({ schema }, text) =>
    withTenantAsOwner(owner, schema, async (client) => (await client.query(text)).rows);
  const context: AttackContext = {
    ...scratch,
    tenantDatabase: { poolOf: () => pool, key: scratch.key, statementTimeout: 5000 },
    keys: [scratch.key],
    bare,
    // A superuser bypasses every policy, including a manipulated one.
    inside: (member, text) =>
      scratch.superuser
        ? // Several statements in one text are one transaction.
          ownerPool.query(text).then(({ rows }) => rows)
        : insideOn(ownerPool, member, text),
    migrating,
    asGlobalOwner: (text) => withGlobalTables(owner, async (client) => lastRows(await client.query(text))),
  };
  return { context, share, close: async () => void (await Promise.all([pool.end(), ownerPool.end()])) };
}
