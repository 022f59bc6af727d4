import pg from 'pg';

import { migrate } from '../../../src/tenancy/fleet/migrate.ts';
import type { Database } from '../../../src/tenancy/registry/databases.ts';
import { startTestServer } from '../../helpers/postgres.ts';
import { environmentOf } from '../../helpers/server.ts';
import type { World } from '../../helpers/world.ts';

/** A second PostgreSQL server, installed as a further database of a world. */
export type Premium = Readonly<{
  database: Database;
  main: Database;
  ownerUrl: string;
  serviceUrl: string;
  /** What the environment of a service, or a command, says of both. */
  env: Readonly<Record<string, string>>;
  asOwner: World['asOwner'];
  close: () => Promise<void>;
}>;

const withLogin = (url: string, database: string, login?: { username: string; password: string }): string => {
  const changed = Object.assign(new URL(url), login ?? {});
  changed.pathname = `/${database}`;
  return changed.href;
};

/** `settings` are those of a server that is nobody else's. */
export async function openPremium(
  world: World,
  called = 'premium',
  settings: Readonly<Record<string, string>> = {},
): Promise<Premium> {
  const server = await startTestServer(settings);
  const { username, password, pathname } = new URL(world.serviceUrl);
  const name = `${pathname.slice(1)}_${called}`;
  const admin = new pg.Client(server.url);
  await admin.connect();
  await admin.query(`create database ${name}`);
  await admin.end();
  const ownerUrl = withLogin(server.url, name);
  const serviceUrl = withLogin(server.url, name, { username, password });
  const owner = { connectionString: ownerUrl };
  await world.alone(() => migrate(owner, { ...world.fleet, siteDomains: [], database: called }));
  const pool = new pg.Pool({ connectionString: ownerUrl, max: 1, application_name: 'koa-tenants test' });
  pool.on('error', () => {});
  return {
    database: { name: called, owner, service: world.service },
    main: { name: 'main', owner: world.owner, service: world.service },
    ownerUrl,
    serviceUrl,
    env: environmentOf(world, {
      DATABASES: `${called}=${serviceUrl}`,
      OWNER_DATABASES: `${called}=${ownerUrl}`,
    }),
    asOwner: async (text, values) => (await pool.query(text, values)).rows,
    close: async () => {
      await pool.end();
      const last = new pg.Client(server.url);
      await last.connect();
      await last.query(`drop database ${name} with (force)`);
      await last.end();
      await server.stop();
    },
  };
}
