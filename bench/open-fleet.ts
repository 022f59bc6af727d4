import { createHash } from 'node:crypto';
import { globSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { z } from 'zod';

import { startEmbeddedPostgres } from '../src/dev/embedded-postgres/start-embedded-postgres.ts';
import { project } from '../src/project.ts';
import { parseProofKeys } from '../src/tenancy/context/keys.ts';
import { type Fleet, migrate } from '../src/tenancy/fleet/migrate.ts';
import { provisionTenant } from '../src/tenancy/lifecycle/provision.ts';
import { parseDomainName, parseSchemaName, roleOf, tenantId } from '../src/tenancy/registry/tenant.ts';
import { createTestDatabase } from '../src/testing/test-database.ts';
import { TENANCY_KEYS } from '../test/helpers/server.ts';
import type { Member, World } from '../test/helpers/world.ts';
import { fillTenants, type User } from './sides.ts';
import { addSlimTenants } from './slim-tenants.ts';

/** Rows of each tenant's table. */
const PROJECTS = 20;
const root = join(import.meta.dirname, '..');

/** A database of many tenants, of which all but two have three tables. */
export type OpenFleet = Pick<World, 'asOwner' | 'owner' | 'ownBackend' | 'service' | 'serviceUrl'> &
  Readonly<{
    users: readonly User[];
    /** URL of the database as a superuser. */
    superuserUrl: string;
    close: () => Promise<void>;
  }>;

const stored = z.object({
  fingerprint: z.string(),
  database: z.string(),
  service: z.string(),
  password: z.string(),
  users: z.array(
    z.object({
      tenant: tenantId,
      host: z.string(),
      id: z.number(),
      tokenVersion: z.number(),
      family: z.string(),
    }),
  ),
});
type Stored = z.infer<typeof stored>;

/** Returns a hash of the files that determine the tables and policies of the tenants. `migrate` applies changes of other files. */
async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  const patterns = [
    'migrations/**/*.ts',
    'sql/tenant/**/*.sql',
    'sql/shared/registry.sql',
    '**/functions/protect.sql',
  ];
  for (const file of globSync(patterns, { cwd: root, exclude: ['**/node_modules', 'dist'] }).sort()) {
    hash.update(file).update(await readFile(join(root, file)));
  }
  return hash.digest('hex');
}

async function readStored(folder: string): Promise<Stored | null> {
  const text = await readFile(join(folder, 'fleet.json'), 'utf8').catch(() => null);
  return text === null ? null : stored.parse(JSON.parse(text));
}

const fleetOf = ({
  service,
  password,
}: Pick<Stored, 'service' | 'password'>): Fleet & { project: typeof project } => ({
  service,
  servicePassword: password,
  keys: parseProofKeys(TENANCY_KEYS),
  contextMode: 'guarded',
  siteDomains: [parseDomainName('localhost')],
  project,
});

async function create(serverUrl: string, count: number): Promise<Stored> {
  const start = performance.now();
  const { name, login, ownerUrl } = await createTestDatabase(serverUrl, (created) =>
    migrate(
      { connectionString: created.ownerUrl },
      fleetOf({ service: created.login.user, password: created.login.password }),
    ),
  );
  const owner = { connectionString: ownerUrl };
  const fleet = fleetOf({ service: login.user, password: login.password });
  const client = new pg.Client(owner);
  await client.connect();
  try {
    const asOwner: World['asOwner'] = async (text, values) => (await client.query(text, values)).rows;
    const provision = async (schemaName: string): Promise<Member> => {
      const [schema, host] = [parseSchemaName(schemaName), `${schemaName}.localhost`];
      const id = await provisionTenant(owner, fleet, {
        schema,
        name: schema,
        domains: [parseDomainName(host)],
      });
      return { id, schema, role: roleOf(id), host };
    };
    const acme = await provision('acme');
    const complete = await fillTenants(asOwner, [acme, await provision('globex')], PROJECTS);
    const slim = await addSlimTenants(
      { acme, asOwner, owner, service: login.user },
      { count: count - 2, projects: PROJECTS },
    );
    await client.query('vacuum analyze');
    await client.query('checkpoint');
    console.log(`Created ${count} tenants in ${Math.round((performance.now() - start) / 1000)} seconds.`);
    return {
      fingerprint: await fingerprint(),
      database: name,
      service: login.user,
      password: login.password,
      users: [...complete, ...slim],
    };
  } finally {
    await client.end();
  }
}

/**
 * Opens a database with `count` tenants on a PostgreSQL of its own, in the folder `data` (default: BENCH_DATA). Later calls
 * use it again, unless it has fewer tenants, or the files that determine the tables have changed. Without a folder, `close`
 * removes the database.
 */
export async function openFleet(count: number, data = process.env.BENCH_DATA): Promise<OpenFleet> {
  const kept = data ? resolve(data) : null;
  const folder = kept ?? (await mkdtemp(join(tmpdir(), 'koa-tenants-fleet-')));
  let found = await readStored(folder);
  if (found && (found.users.length < count || found.fingerprint !== (await fingerprint()))) {
    console.log(`${folder} has other tables or fewer tenants. Creating it anew.`);
    found = null;
    await rm(folder, { recursive: true });
  }
  await mkdir(folder, { recursive: true });
  const server = await startEmbeddedPostgres({
    dataDir: folder,
    durable: false,
    settings: { autovacuum: 'off', max_wal_size: '8GB', shared_buffers: '1GB' },
  });
  const close = async (): Promise<void> => {
    await server.stop();
    for (const remaining of kept ? [] : new Set([folder, server.dataDir])) {
      await rm(remaining, { recursive: true, force: true });
    }
  };
  try {
    const isNew = !found;
    found ??= await create(server.url, count);
    if (isNew && kept) {
      await writeFile(join(folder, 'fleet.json'), JSON.stringify(found), { mode: 0o600 });
    }
    return await connect(server.url, found, close);
  } catch (error) {
    await close();
    throw error;
  }
}

/** Migrates kept data. Drops functions whose result has other columns, because PostgreSQL cannot replace them. */
async function migrateKept(owner: pg.ClientConfig, fleet: Fleet, asOwner: World['asOwner']): Promise<void> {
  for (;;) {
    try {
      await migrate(owner, fleet);
      return;
    } catch (error) {
      const { hint: own, cause } = error as { hint?: string; cause?: { hint?: string } };
      const hint = own ?? cause?.hint ?? '';
      const [, drop] = /^Use (DROP FUNCTION .*) first\.$/.exec(hint) ?? [];
      if (!drop) {
        throw error;
      }
      await asOwner(drop);
    }
  }
}

async function connect(
  serverUrl: string,
  { database, service, password, users }: Stored,
  close: () => Promise<void>,
): Promise<OpenFleet> {
  const urlOf = (login: { username?: string; password?: string }): string => {
    const url = Object.assign(new URL(serverUrl), login);
    url.pathname = `/${database}`;
    return url.href;
  };
  const superuserUrl = urlOf({});
  const owner = { connectionString: superuserUrl };
  const pool = new pg.Pool({ ...owner, max: 1 });
  pool.on('error', () => {});
  const asOwner: OpenFleet['asOwner'] = async (text, values) => (await pool.query(text, values)).rows;
  await migrateKept(owner, fleetOf({ service, password }), asOwner);
  const clients: pg.Client[] = [];
  const serviceUrl = urlOf({ username: service, password });
  return {
    users,
    superuserUrl,
    owner,
    service,
    serviceUrl,
    asOwner,
    ownBackend: async () => {
      const client = new pg.Client(serviceUrl);
      await client.connect();
      clients.push(client);
      return client;
    },
    close: async () => {
      await Promise.all(clients.map((client) => client.end()));
      await pool.end();
      await close();
    },
  };
}
