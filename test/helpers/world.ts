import pg from 'pg';
import type { DatabasePool } from 'slonik';
import type { AttackContext } from '../../src/attacks/context.ts';
import { openPool, type PoolSettings } from '../../src/db/pool/pool.ts';
import type { Project } from '../../src/definition/define-project.ts';
import { type ProofKey, parseProofKeys } from '../../src/tenancy/context/keys.ts';
import { enterAsOwner, withTenantAsOwner } from '../../src/tenancy/context/with-owner-tenant.ts';
import type { TenantDatabase } from '../../src/tenancy/context/with-tenant.ts';
import { type Fleet, migrate } from '../../src/tenancy/fleet/migrate.ts';
import { withGlobalTables } from '../../src/tenancy/install/global-migrations.ts';
import type { ContextMode } from '../../src/tenancy/install/shared-files.ts';
import { provisionTenant } from '../../src/tenancy/lifecycle/provision.ts';
import {
  parseDomainName,
  parseSchemaName,
  roleOf,
  type TenantIdentity,
} from '../../src/tenancy/registry/tenant.ts';
import { createTestDatabase, TENANT_ROLES, type TestDatabase } from '../../src/testing/test-database.ts';
import { fixtureProject } from '../fixture-app/project.ts';
import { throughPort } from './pgbouncer.ts';
import { testServerUrl } from './postgres.ts';
import { copyTemplate } from './world-template.ts';

/** One tenant of a world. */
export type Member = TenantIdentity & Readonly<{ host: string }>;

/** A separate database with an installation and two tenants, acme and globex. */
export type World = Readonly<{
  contextMode: ContextMode;
  /** PostgreSQL's `server_version_num`. */
  version: number;
  ownerUrl: string;
  /** URL of the service's login, through PgBouncer in `make test-pgbouncer`. */
  serviceUrl: string;
  /** URL of the same login without PgBouncer, for LISTEN. Set in `make test-pgbouncer` only. */
  listenUrl?: string;
  owner: pg.ClientConfig;
  /** The login of `serviceUrl`. Logins belong to the cluster, so every world has its own. */
  service: string;
  fleet: Fleet & Readonly<{ project: Project }>;
  keys: readonly [ProofKey, ...ProofKey[]];
  pool: DatabasePool;
  tenantDatabase: TenantDatabase;
  acme: Member;
  globex: Member;
  /** Runs a query as the superuser, to which no policy applies, and returns its rows. */
  asOwner: <Row extends pg.QueryResultRow = pg.QueryResultRow>(
    text: string,
    values?: unknown[],
  ) => Promise<Row[]>;
  /** Runs `work` in a transaction inside a tenant as the owner, on the connection of `asOwner`. */
  inTenant: <T>(schema: string, work: (client: pg.ClientBase) => Promise<T>) => Promise<T>;
  /** Runs a query inside a tenant as the owner, as a migration does. Used by the attacks. */
  inside: AttackContext['inside'];
  migrating: AttackContext['migrating'];
  /** `openAttackedWorld` creates the table. */
  globalTable: string;
  asGlobalOwner: AttackContext['asGlobalOwner'];
  /** Opens a connection of the service's login without the driver. Closed with the world. */
  bare: () => Promise<pg.Client>;
  /** Opens such a connection without PgBouncer: no other client can use its session. */
  ownBackend: () => Promise<pg.Client>;
  /** Opens another pool of the service's login. Closed with the world. */
  openPool: (settings?: Partial<PoolSettings>) => Promise<DatabasePool>;
  /** Runs `work` while no other world is created or dropped and no cluster-wide object changes. */
  alone: <T>(work: () => Promise<T>) => Promise<T>;
  /** Creates a further tenant. */
  provision: (schema: string) => Promise<Member>;
  close: () => Promise<void>;
}>;

const KEYS = 'test:a-secret-of-more-than-32-characters,old:another-secret-of-more-than-32-chars';

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, application_name: 'koa-tenants test' });
  // A test may kill the connection, which must not end the process.
  client.on('error', () => {});
  await client.connect();
  return client;
}

const hostOf = (schema: string): string => `${schema.replaceAll('_', '-')}.localhost`;

const memberOf = (id: TenantIdentity['id'], schema: TenantIdentity['schema']): Member => ({
  id,
  schema,
  role: roleOf(id),
  host: hostOf(schema),
});

async function createMember(owner: pg.ClientConfig, fleet: World['fleet'], name: string): Promise<Member> {
  const schema = parseSchemaName(name);
  const domains = [parseDomainName(hostOf(schema))];
  return memberOf(await provisionTenant(owner, fleet, { schema, name, domains }), schema);
}

/** Installs a world in an empty database. */
async function install(connectionString: string, fleet: World['fleet']): Promise<void> {
  await migrate({ connectionString }, fleet);
  for (const name of ['acme', 'globex']) {
    await createMember({ connectionString }, fleet, name);
  }
}

/** Creates a world on the test server. Several may be open at the same time. */
export async function openWorld({
  contextMode = 'guarded',
  maxPoolSize = 4,
  // Many parallel tests make the machine slow.
  queryTimeout = 40_000,
  server: chosen,
  project = fixtureProject,
  installs = false,
}: {
  contextMode?: ContextMode;
  maxPoolSize?: number;
  queryTimeout?: number;
  /** The superuser's URL of another server than that of the tests. */
  server?: string;
  /** The apps of the tenants. Default: the fixture apps. Tests of an app use the repository's project. */
  project?: Project;
  /** Whether the engine installs it now: for tests of that. Default: it is a copy of such a world, see `copyTemplate`. */
  installs?: boolean;
} = {}): Promise<World> {
  const server = chosen ?? (await testServerUrl());
  const keys = parseProofKeys(KEYS);
  const fleetOf = ({ user, password }: TestDatabase['login']): World['fleet'] => ({
    service: user,
    servicePassword: password,
    keys,
    contextMode,
    siteDomains: [parseDomainName('localhost')],
    project,
  });
  const run = chosen || installs ? undefined : process.env.TEST_TEMPLATES;
  const database = run
    ? await copyTemplate(server, run, fleetOf({ user: '', password: '' }), install)
    : await createTestDatabase(server, (created) => install(created.ownerUrl, fleetOf(created.login)));
  const { login, ownerUrl, serviceUrl: directUrl } = database;
  const pooler = chosen ? 0 : Number(process.env.TEST_POOLER_PORT);
  const serviceUrl = pooler > 0 ? throughPort(directUrl, pooler) : directUrl;
  const owner = { connectionString: ownerUrl };
  const fleet = fleetOf(login);

  // One connection: tests of a file run concurrently, and a client runs one query at a time.
  const ownerPool = new pg.Pool({ connectionString: ownerUrl, max: 1, application_name: 'koa-tenants test' });
  ownerPool.on('error', () => {});
  const asOwner: World['asOwner'] = async (text, values) => (await ownerPool.query(text, values)).rows;

  const inTenant: World['inTenant'] = async (schema, work) => {
    const client = await ownerPool.connect();
    try {
      await client.query('begin');
      await enterAsOwner(client, schema);
      const result = await work(client);
      await client.query('commit');
      return result;
    } catch (error) {
      await client.query('rollback');
      throw error;
    } finally {
      client.release();
    }
  };

  const provision = (name: string): Promise<Member> => createMember(owner, fleet, name);

  const pools: DatabasePool[] = [];
  const openAnother: World['openPool'] = async (settings) => {
    const pool = await openPool({
      connection: { connectionString: serviceUrl },
      applicationName: 'koa-tenants test',
      connectTimeout: 60_000,
      queryTimeout,
      maxPoolSize,
      poolTimeout: 60_000,
      maxConnectionAge: 600_000,
      preparedStatements: process.env.PREPARED_STATEMENTS === 'off' ? undefined : { bytes: 32 * 2 ** 20 },
      ...settings,
    });
    pools.push(pool);
    return pool;
  };
  const clients: pg.Client[] = [];
  const openBare = async (url: string): Promise<pg.Client> => {
    const client = await connect(url);
    clients.push(client);
    return client;
  };

  const pool = await openAnother();
  const [found] = await asOwner<{ version: number; acme: Member['id']; globex: Member['id'] }>(
    `select
       current_setting('server_version_num')::integer as version,
       (select t.id from public.tenants as t where t.schema_name = 'acme') as acme,
       (select t.id from public.tenants as t where t.schema_name = 'globex') as globex`,
  );
  if (!found) {
    throw new TypeError('A query returned no row.');
  }

  return {
    contextMode,
    version: found.version,
    ownerUrl,
    serviceUrl,
    ...(serviceUrl === directUrl ? {} : { listenUrl: directUrl }),
    owner,
    service: login.user,
    fleet,
    keys,
    pool,
    tenantDatabase: { poolOf: () => pool, key: keys[0], statementTimeout: 30_000 },
    acme: memberOf(found.acme, parseSchemaName('acme')),
    globex: memberOf(found.globex, parseSchemaName('globex')),
    asOwner,
    inTenant,
    bare: () => openBare(serviceUrl),
    ownBackend: () => openBare(directUrl),
    inside: (_member, text) => asOwner(text),
    migrating: ({ schema }, text) =>
      withTenantAsOwner(owner, schema, async (client) => (await client.query(text)).rows),
    globalTable: 'attack_texts',
    asGlobalOwner: (text) =>
      withGlobalTables(owner, async (client) => [await client.query(text)].flat().at(-1)?.rows ?? []),
    openPool: openAnother,
    alone: database.alone,
    provision,
    close: async () => {
      await Promise.all([...pools.map((open) => open.end()), ...clients.map((client) => client.end())]);
      // A test may have made this connection unusable.
      const found = await asOwner<{ role: string }>(TENANT_ROLES).catch(() => null);
      await ownerPool.end();
      await database.drop(found?.map(({ role }) => role));
    },
  };
}
