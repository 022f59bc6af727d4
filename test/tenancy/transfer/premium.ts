import pg from 'pg';

import { migrate } from '../../../src/tenancy/fleet/migrate.ts';
import type { Database } from '../../../src/tenancy/registry/databases.ts';
import { startTestServer } from '../../helpers/postgres.ts';
import { secondServer } from '../../helpers/second-server.ts';
import { environmentOf } from '../../helpers/server.ts';
import type { World } from '../../helpers/world.ts';
import { copyTemplateAs } from '../../helpers/world-template.ts';

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

/** Runs a statement as the superuser of a server. */
async function send(server: string, text: string): Promise<void> {
  const client = new pg.Client(server);
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

/** Creates a database of `secondServer`, or of a separate server with these settings of PostgreSQL. */
export async function openPremium(
  world: World,
  databaseName = 'premium',
  settings: Readonly<Record<string, string>> = {},
): Promise<Premium> {
  const own = Object.keys(settings).length === 0 ? null : await startTestServer(settings);
  const server = own?.url ?? (await secondServer());
  const { username, password, pathname } = new URL(world.serviceUrl);
  const name = `${pathname.slice(1)}_${databaseName}`;
  const ownerUrl = withLogin(server, name);
  const serviceUrl = withLogin(server, name, { username, password });
  const owner = { connectionString: ownerUrl };
  const fleet = { ...world.fleet, siteDomains: [], database: databaseName };
  const { TEST_TEMPLATES: run } = process.env;
  // With TEST_POSTGRES=<URL>, both servers are one.
  const isOther = new URL(server).host !== new URL(world.ownerUrl).host;
  if (own || !run) {
    await send(server, `create database ${name}`);
    await world.alone(() => migrate(owner, fleet));
  } else {
    const database = { name, login: { user: username, password } };
    const copy = () =>
      copyTemplateAs(database, server, run, fleet, (url, template) =>
        migrate({ connectionString: url }, template),
      );
    await (isOther ? world.alone(copy) : copy());
  }
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
      if (own) {
        await own.stop();
        return;
      }
      await world.alone(async () => {
        await send(server, `drop database ${name} with (force)`);
        if (isOther) {
          const roles = [world.service, ...rows.map(({ role }) => role)].join();
          await send(server, `drop owned by ${roles}; drop role ${roles}`);
        }
      });
    },
  };
}
