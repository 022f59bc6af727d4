import { randomBytes } from 'node:crypto';
import pg from 'pg';

import { hasSqlState, SQLSTATE } from '../db/sqlstate.ts';

/** A database of its own on a test server, with a login for the service. */
export type TestDatabase = Readonly<{
  name: string;
  /** Logins belong to the server, so every database has its own. */
  login: Readonly<{ user: string; password: string }>;
  /** URL of the superuser. */
  ownerUrl: string;
  serviceUrl: string;
  /**
   * Runs `work` while no other test database of the server is created or dropped and no
   * server-wide object changes.
   */
  alone: <T>(work: () => Promise<T>) => Promise<T>;
  /** Drops the database, its login, and the roles of its tenants. Without `tenantRoles`, it reads them. */
  drop: (tenantRoles?: readonly string[]) => Promise<void>;
}>;

/** Returns the URL of a database of the server. Default: as the superuser. */
export function urlOf(server: string, database: string, login?: TestDatabase['login']): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  if (login) {
    url.username = login.user;
    url.password = login.password;
  }
  return url.href;
}

type Work<T> = (client: pg.Client) => Promise<T>;

async function withTestClient<T>(server: string, name: string, work: Work<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: urlOf(server, name),
    application_name: `koa-tenants test ${name}`,
  });
  // A test may kill the connection, which must not end the process.
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Whether a connection keeps the process alive is not part of the types of pg. */
type Connection = pg.Client & Readonly<{ ref: () => void; unref: () => void }>;

/** Connections to the database `postgres`, by server. Each test database needs one twice, and opening it costs more than its work. */
const connections = new Map<string, Promise<Connection>>();
/** The last work on each of them, which the next one waits for. */
const lastWork = new Map<string, Promise<unknown>>();

function sharedConnectionTo(server: string): Promise<Connection> {
  const known = connections.get(server);
  if (known) {
    return known;
  }
  const client = new pg.Client({ connectionString: urlOf(server, 'postgres') }) as Connection;
  const remove = (): void => {
    if (connections.get(server) === connected) {
      connections.delete(server);
    }
  };
  client.on('error', remove);
  client.on('end', remove);
  const connected = client.connect().then(() => client);
  connected.catch(remove);
  connections.set(server, connected);
  return connected;
}

async function withLock<T>(server: string, name: string, work: Work<T>): Promise<T> {
  const client = await sharedConnectionTo(server);
  // Only while it is used, it keeps the process alive.
  client.ref();
  try {
    await client.query(
      `set application_name = ${client.escapeLiteral(`koa-tenants test ${name}`)};
       select pg_advisory_lock(hashtextextended('koa-tenants test world', 0))`,
    );
    return await work(client);
  } finally {
    await client.query('select pg_advisory_unlock_all()').catch(() => client.end());
    client.unref();
  }
}

/** Serializes changes of server-wide objects: concurrent GRANTs fail with "tuple concurrently updated". */
export function alone<T>(server: string, name: string, work: Work<T>): Promise<T> {
  const result = (lastWork.get(server) ?? Promise.resolve()).then(() => withLock(server, name, work));
  lastWork.set(
    server,
    result.catch(() => {}),
  );
  return result;
}

/** The query for the names of the roles of a database's tenants. */
export const TENANT_ROLES = 'select t.role_name as role from public.tenants as t';

async function readTenantRoles(server: string, name: string): Promise<readonly string[]> {
  return withTestClient(server, name, async (client) => {
    const { rows } = await client.query<{ role: string }>(TENANT_ROLES);
    return rows.map(({ role }) => role);
  });
}

/** Drops the existing ones of these roles. A failed test may have left a grant on a parameter, which belongs to the server. */
async function dropWithGrants(client: pg.Client, names: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ role: string }>(
    'select r.rolname as role from pg_catalog.pg_roles as r where r.rolname = any($1)',
    [names],
  );
  for (const { role } of rows) {
    await client.query(`drop owned by ${client.escapeIdentifier(role)}`);
    await client.query(`drop role ${client.escapeIdentifier(role)}`);
  }
}

async function drop(
  server: string,
  { name, login }: Pick<TestDatabase, 'name' | 'login'>,
  tenantRoles?: readonly string[],
): Promise<void> {
  const roles = [login.user, ...(tenantRoles ?? (await readTenantRoles(server, name)))];
  await alone(server, name, async (client) => {
    await client.query(`drop database ${client.escapeIdentifier(name)} with (force)`);
    const list = roles.map((role) => client.escapeIdentifier(role)).join(', ');
    try {
      await client.query(`drop role if exists ${list}`);
    } catch (error) {
      if (!hasSqlState(error, SQLSTATE.DEPENDENT_OBJECTS_STILL_EXIST)) {
        throw error;
      }
      await dropWithGrants(client, roles);
    }
  });
}

/**
 * Creates a database on a server.
 *
 * @param server the superuser's URL
 * @param install migrates the database. Called while no other test database of the server is created or dropped
 * @param template the database that it is a copy of. Default: an empty one
 */
export async function createTestDatabase(
  server: string,
  install: (database: Pick<TestDatabase, 'name' | 'login' | 'ownerUrl' | 'serviceUrl'>) => Promise<unknown>,
  template?: string,
): Promise<TestDatabase> {
  const suffix = randomBytes(4).toString('hex');
  // The runner of this repository's tests adds the CPU time of a database, and of connections that name it, to its file.
  const name = `kt_${process.pid.toString(36)}_${suffix}`;
  const login = { user: `app_${suffix}`, password: randomBytes(12).toString('hex') };
  const urls = { ownerUrl: urlOf(server, name), serviceUrl: urlOf(server, name, login) };
  await alone(server, name, async (client) => {
    // Copying the files takes less CPU time than writing all pages to the log.
    const copy =
      template === undefined ? '' : ` template ${client.escapeIdentifier(template)} strategy file_copy`;
    await client.query(`create database ${client.escapeIdentifier(name)}${copy}`);
    try {
      await install({ name, login, ...urls });
    } catch (error) {
      await client.query(`drop database ${client.escapeIdentifier(name)} with (force)`);
      throw error;
    }
  });
  return {
    name,
    login,
    ...urls,
    alone: (work) => alone(server, name, work),
    drop: (tenantRoles) => drop(server, { name, login }, tenantRoles),
  };
}
