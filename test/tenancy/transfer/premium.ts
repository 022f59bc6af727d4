import pg from 'pg';

import { migrate } from '../../../src/tenancy/fleet/migrate.ts';
import type { Database } from '../../../src/tenancy/registry/databases.ts';
import { startTestServer, type TestServer } from '../../helpers/postgres.ts';
import { environmentOf } from '../../helpers/server.ts';
import type { World } from '../../helpers/world.ts';

/** A second PostgreSQL server, whose database is one of the world's `DATABASES`. */
export type Premium = Readonly<{
  database: Database;
  main: Database;
  ownerUrl: string;
  serviceUrl: string;
  /** Environment variables of a service or command that uses both databases. */
  env: Readonly<Record<string, string>>;
  asOwner: World['asOwner'];
  close: () => Promise<void>;
}>;

const withLogin = (url: string, database: string, login?: { username: string; password: string }): string => {
  const changed = Object.assign(new URL(url), login ?? {});
  changed.pathname = `/${database}`;
  return changed.href;
};

let second: Promise<TestServer> | undefined;

/** Returns the second server of the test files of this process, which run one after the other. It ends with the process. */
export function secondServer(): Promise<TestServer> {
  second ??= startTestServer();
  return second;
}

/** Runs a statement as the superuser of a server. */
async function send(server: TestServer, text: string): Promise<void> {
  const client = new pg.Client(server.url);
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

/** Migrates a database of `secondServer`, or of a separate server with these settings of PostgreSQL. */
export async function openPremium(
  world: World,
  databaseName = 'premium',
  settings: Readonly<Record<string, string>> = {},
): Promise<Premium> {
  const isShared = Object.keys(settings).length === 0;
  const server = await (isShared ? secondServer() : startTestServer(settings));
  const { username, password, pathname } = new URL(world.serviceUrl);
  const name = `${pathname.slice(1)}_${databaseName}`;
  await send(server, `create database ${name}`);
  const ownerUrl = withLogin(server.url, name);
  const serviceUrl = withLogin(server.url, name, { username, password });
  const owner = { connectionString: ownerUrl };
  await world.alone(() => migrate(owner, { ...world.fleet, siteDomains: [], database: databaseName }));
  const pool = new pg.Pool({ connectionString: ownerUrl, max: 1, application_name: 'koa-tenants test' });
  pool.on('error', () => {});
  return {
    database: { name: databaseName, owner, service: world.service },
    main: { name: 'main', owner: world.owner, service: world.service },
    ownerUrl,
    serviceUrl,
    env: environmentOf(world, {
      DATABASES: `${databaseName}=${serviceUrl}`,
      OWNER_DATABASES: `${databaseName}=${ownerUrl}`,
    }),
    asOwner: async (text, values) => (await pool.query(text, values)).rows,
    close: async () => {
      const { rows } = await pool.query<{ role: string }>('select role_name as role from public.tenants');
      await pool.end();
      await send(server, `drop database ${name} with (force)`);
      if (!isShared) {
        await server.stop();
      } else if (new URL(server.url).host !== new URL(world.ownerUrl).host) {
        const roles = [world.service, ...rows.map(({ role }) => role)].join();
        await send(server, `drop owned by ${roles}; drop role ${roles}`);
      }
    },
  };
}
