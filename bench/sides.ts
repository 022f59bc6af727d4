import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import jwt from 'jsonwebtoken';
import pg from 'pg';

import { createAccessToken } from '../src/apps/accounts/sessions/tokens.ts';
import type { TenantId } from '../src/tenancy/registry/tenant.ts';
import { testServerUrl } from '../test/helpers/postgres.ts';
import { APP_SECRET, SECRETS, TENANCY_KEYS } from '../test/helpers/server.ts';
import type { Member, World } from '../test/helpers/world.ts';
import { type StartedServer, startServer } from './start-server.ts';

export const PROJECTS = 1_000;
/** Connections of a server to PostgreSQL. */
export const CONNECTIONS = 8;
const SERVICE = join(import.meta.dirname, '../src/main.ts');
const REFERENCE = join(import.meta.dirname, 'reference/server.ts');

/** One of the compared servers: a process, its database, and a logged-in user of every tenant. */
export type Side = Readonly<{
  name: string;
  server: StartedServer;
  tenants: ReadonlyArray<Readonly<{ host: string; headers: Readonly<Record<string, string>> }>>;
  /** Deletes the projects that a load has added, and the space that they used. */
  deleteNew: () => Promise<void>;
  /** Returns the number of projects. */
  count: () => Promise<number>;
  close: () => Promise<void>;
}>;

const headersOf = (host: string, token: string) => ({
  host,
  authorization: `Bearer ${token}`,
  'content-type': 'application/json',
});

/** A user of a tenant, with a session. */
export type User = Readonly<{
  tenant: TenantId;
  host: string;
  id: number;
  tokenVersion: number;
  family: string;
}>;

/** Adds a user, its session and the projects to every tenant. */
export async function fillTenants(
  asOwner: World['asOwner'],
  members: readonly Member[],
  projects: number,
): Promise<readonly User[]> {
  const users: User[] = [];
  for (const { id: tenant, schema, host } of members) {
    const [user] = await asOwner<{ id: number; token_version: number; family: string }>(
      `with added as (
         insert into ${schema}.projects (name)
         select 'project ' || n
         from generate_series(1, $1) as n
       ),
       u as (
         insert into ${schema}.users (username, password)
         values ('ann', '!')
         returning id, token_version
       ),
       s as (
         insert into ${schema}.sessions (user_id, family, expires_at)
         select id, gen_random_uuid(), now() + interval '1 year'
         from u
         returning family
       )
       select u.id::integer, u.token_version, s.family
       from u
       cross join s`,
      [projects],
    );
    if (!user) {
      throw new Error('The user was not created.');
    }
    users.push({ tenant, host, id: user.id, tokenVersion: user.token_version, family: user.family });
  }
  return users;
}

/** Returns the headers of requests of the users, with access tokens that are valid for a day. */
export function logIn(users: readonly User[]): Side['tenants'] {
  const issued = Math.floor(Date.now() / 1000);
  const times = { issued, expires: issued + 86_400 };
  return users.map(({ tenant, host, id, tokenVersion, family }) => {
    const user = { id, token_version: tokenVersion };
    const token = createAccessToken(
      SECRETS,
      { id: tenant, keyGeneration: 1 },
      { user, family, actor: null },
      times,
    );
    return { host, headers: headersOf(host, token) };
  });
}

/**
 * Starts the service on a world in production mode, with its limits, metrics and log, and fills the
 * tenants. `args` are arguments of `node`.
 */
export async function openService(
  world: Pick<World, 'asOwner' | 'serviceUrl'>,
  members: readonly Member[],
  {
    env = {},
    args = [],
    projects = PROJECTS,
    main = SERVICE,
  }: {
    env?: Readonly<Record<string, string>>;
    args?: readonly string[];
    projects?: number;
    main?: string;
  } = {},
): Promise<Side> {
  const folder = await mkdtemp(join(tmpdir(), 'koa-tenants-bench-'));
  const tenants = logIn(await fillTenants(world.asOwner, members, projects));
  if (members.length > 0) {
    await world.asOwner('vacuum analyze');
  }
  const server = await startServer(main, {
    args,
    log: join(folder, 'service.log'),
    env: {
      DATABASE_URL: world.serviceUrl,
      APP_SECRET,
      TENANCY_KEYS,
      BASE_DOMAIN: 'localhost',
      PORT: '0',
      BIND_ADDRESS: '127.0.0.1',
      MAIL_DIR: folder,
      METRICS_PORT: '0',
      POOL_SIZE: String(CONNECTIONS),
      // On a busy machine a request may wait for longer than a client would. It is measured and not rejected.
      POOL_TIMEOUT: '60000',
      CONNECT_TIMEOUT: '60000',
      STATEMENT_TIMEOUT: '60000',
      // Reached by no load, but counted.
      TENANT_REQUESTS_PER_MINUTE: '10000000',
      ...env,
    },
  });
  return {
    name: 'koa-tenants',
    server,
    tenants,
    deleteNew: async () => {
      for (const { schema } of members) {
        await world.asOwner(`delete from ${schema}.projects where id > ${projects}`);
        await world.asOwner(`vacuum analyze ${schema}.projects`);
      }
    },
    count: async () => {
      let count = 0;
      for (const { schema } of members) {
        const [row] = await world.asOwner<{ n: number }>(
          `select count(*)::integer as n from ${schema}.projects`,
        );
        count += row?.n ?? 0;
      }
      return count;
    },
    close: async () => {
      await server.stop();
      await rm(folder, { recursive: true });
    },
  };
}

/** Starts the reference server on a database of its own, on the same PostgreSQL, with the same rows. */
export async function openReference(
  tenantCount: number,
  { args = [] }: { args?: readonly string[] } = {},
): Promise<Side> {
  const folder = await mkdtemp(join(tmpdir(), 'koa-tenants-bench-'));
  const secret = 'the secret of the reference server, long enough';
  const schema = await readFile(join(import.meta.dirname, 'reference/schema.sql'), 'utf8');
  const suffix = randomBytes(4).toString('hex');
  const [name, login, password] = [`reference_${suffix}`, `reference_app_${suffix}`, `password_${suffix}`];
  const url = new URL(await testServerUrl());
  const admin = new pg.Client({ connectionString: url.href });
  await admin.connect();
  await admin.query(`create database ${name}`);
  await admin.query(`create role ${login} login password '${password}'`);
  url.pathname = `/${name}`;
  const owner = new pg.Client({ connectionString: url.href });
  await owner.connect();
  await owner.query(schema);
  await owner.query(`grant select on tenants, users to ${login}`);
  await owner.query(`grant select, insert, update, delete on projects to ${login}`);
  await owner.query(
    `insert into tenants (host) select 'tenant-' || n || '.localhost' from generate_series(1, $1) as n`,
    [tenantCount],
  );
  await owner.query(`insert into users (tenant_id, username) select id, 'ann' from tenants`);
  await owner.query(
    `insert into projects (tenant_id, id, name)
     select t.id, n, 'project ' || n
     from tenants as t
     cross join generate_series(1, $1) as n`,
    [PROJECTS],
  );
  await owner.query(`alter table projects alter column id restart with ${PROJECTS + 1}`);
  await owner.query('vacuum analyze');
  const { rows } = await owner.query<{ tenant: number; user: number; host: string }>(
    `select t.id as tenant, u.id::integer as user, t.host
     from tenants as t
     join users as u on u.tenant_id = t.id
     order by t.id`,
  );
  url.username = login;
  url.password = password;
  const server = await startServer(REFERENCE, {
    args,
    log: join(folder, 'reference.log'),
    env: {
      DATABASE_URL: url.href,
      JWT_SECRET: secret,
      POOL_SIZE: String(CONNECTIONS),
      PORT: '0',
    },
  });
  return {
    name: 'Fastify',
    server,
    tenants: rows.map(({ host, tenant, user }) => {
      const token = jwt.sign({ tenant, user }, secret, { algorithm: 'HS256', expiresIn: '1d' });
      return { host, headers: headersOf(host, token) };
    }),
    deleteNew: async () => {
      await owner.query(`delete from projects where id > ${PROJECTS}`);
      await owner.query('vacuum analyze projects');
    },
    count: async () =>
      (await owner.query<{ n: number }>('select count(*)::integer as n from projects')).rows[0]?.n ?? 0,
    close: async () => {
      await server.stop();
      await owner.end();
      await admin.query(`drop database ${name} with (force)`);
      await admin.query(`drop role ${login}`);
      await admin.end();
      await rm(folder, { recursive: true });
    },
  };
}
