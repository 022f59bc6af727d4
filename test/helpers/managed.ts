import { randomBytes } from 'node:crypto';
import pg from 'pg';

import { withAdminConnection } from '../../src/db/admin/admin-connection.ts';
import { readSqlFile } from '../../src/db/sql/sql-file.ts';

import type { World } from './world.ts';

/** An unmigrated database as on a managed service: its migration login is not a superuser. */
export type Managed = Readonly<{
  /** A login with CREATEROLE that owns the database and is a member of both owner roles. */
  login: string;
  ownerUrl: string;
  owner: pg.ClientConfig & Readonly<{ connectionString: string }>;
  /** URL of the service's login, which the migration creates. */
  serviceUrl: string;
  fleet: World['fleet'];
  /** Runs a statement in this database as the superuser, which the provider keeps. */
  asSuperuser: <Row extends pg.QueryResultRow>(text: string) => Promise<Row[]>;
  /** Runs the statements that docs/operations.md requires from a provider. */
  harden: () => Promise<void>;
  close: () => Promise<void>;
}>;

const [PASSWORD, SERVED] = ['managed', 'served'];

const STILL_NEEDED = '2BP01';

/**
 * Creates the database on the server of `superuserUrl`. `rights` are statements about the login,
 * which they call `deploy`.
 */
export async function openManaged(
  world: Pick<World, 'alone' | 'fleet' | 'ownerUrl'>,
  superuserUrl = world.ownerUrl,
  rights = '',
): Promise<Managed> {
  const suffix = randomBytes(4).toString('hex');
  const [login, service] = [`deploy_${suffix}`, `served_${suffix}`];
  // The runner adds the CPU time of databases to a file by their names.
  const database = `${new URL(world.ownerUrl).pathname.slice(1)}_managed_${suffix}`;
  const send = async <Row extends pg.QueryResultRow>(text: string, where = 'postgres'): Promise<Row[]> => {
    const url = Object.assign(new URL(superuserUrl), { pathname: `/${where}` });
    const client = new pg.Client({
      connectionString: url.href,
      application_name: `koa-tenants test ${database}`,
    });
    await client.connect();
    return client
      .query<Row>(text)
      .then(({ rows }) => rows)
      .finally(() => client.end());
  };
  const [server] = await send<{ version: number; owners: boolean }>(
    `select current_setting('server_version_num')::integer as version,
            exists (select from pg_roles where rolname = 'tenancy_owner') as owners`,
  );
  const option =
    (server?.version ?? 0) >= 160_000 ? 'with admin true, inherit true, set true' : 'with admin option';
  await world.alone(async () => {
    await send(`create role ${login} login createrole password '${PASSWORD}'`);
    if (server?.owners) {
      await send(`grant tenancy_owner, tenant_owner, global_owner to ${login} ${option}`);
    }
    await send(`create database ${database} owner ${login}`);
    if (rights) {
      await send(rights.replaceAll(/\bdeploy\b/g, login), database);
    }
  });
  const urlOf = (username: string, password: string): string =>
    Object.assign(new URL(superuserUrl), { username, password, pathname: `/${database}` }).href;
  const ownerUrl = urlOf(login, PASSWORD);
  const owner = { connectionString: ownerUrl };
  return {
    login,
    ownerUrl,
    owner,
    serviceUrl: urlOf(service, SERVED),
    fleet: { ...world.fleet, service, servicePassword: SERVED, contextMode: 'signed' },
    asSuperuser: (text) => send(text, database),
    harden: () =>
      world.alone(async () => {
        await send(await readSqlFile('shared/hardening.sql', { service }), database);
      }),
    close: async () => {
      const roles = await withAdminConnection(owner, async (client) => {
        const { rows } = await client.query<{ name: string }>(
          'select t.role_name as name from public.tenants as t join pg_roles as r on r.rolname = t.role_name',
        );
        return rows.map(({ name }) => name);
      });
      await world.alone(async () => {
        await send(`drop database ${database} with (force)`);
        for (const role of roles) {
          await send(`drop role ${role}`).catch((error: { code?: string }) => {
            // Another database of the cluster has the tenant too, and drops it.
            if (error.code !== STILL_NEEDED) {
              throw error;
            }
          });
        }
        for (const role of [service, login]) {
          await send(`drop owned by ${role}; drop role ${role}`);
        }
      });
    },
  };
}
