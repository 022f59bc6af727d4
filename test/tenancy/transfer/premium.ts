import pg from 'pg';

import { migrate } from '../../../src/tenancy/fleet/migrate.ts';
import type { Database } from '../../../src/tenancy/registry/databases.ts';
import { startTestServer } from '../../helpers/postgres.ts';
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

/** Starts the server with these settings of PostgreSQL, and migrates its database. */
export async function openPremium(
  world: World,
  databaseName = 'premium',
  settings: Readonly<Record<string, string>> = {},
): Promise<Premium> {
  const server = await startTestServer(settings);
  const { username, password, pathname } = new URL(world.serviceUrl);
  const name = `${pathname.slice(1)}_${databaseName}`;
  const admin = new pg.Client(server.url);
  await admin.connect();
  await admin.query(`create database ${name}`);
  await admin.end();
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
      await pool.end();
      const dropping = new pg.Client(server.url);
      await dropping.connect();
      await dropping.query(`drop database ${name} with (force)`);
      await dropping.end();
      await server.stop();
    },
  };
}
