import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type pg from 'pg';

import { addUser } from '../apps/accounts/commands/accounts.ts';
import type { WrittenMail } from '../apps/accounts/mail/folder-transport.ts';
import { changePermissions } from '../apps/accounts/permissions/change-permissions.ts';
import { migrateFleet } from '../cli/framework/fleet.ts';
import { type Config, configNames, readConfig } from '../config/config.ts';
import { connectionTo } from '../db/admin/connection-config.ts';
import type { Project } from '../definition/define-project.ts';
import { openService } from '../server/service.ts';
import { withTenantAsOwner } from '../tenancy/context/with-owner-tenant.ts';
import { loadFixture } from '../tenancy/fixtures/load-fixture.ts';
import { parseFixture } from '../tenancy/fixtures/parse-fixture.ts';
import { provisionTenant } from '../tenancy/lifecycle/provision.ts';
import { permissionsOf, tablesOf } from '../tenancy/registry/project.ts';
import { modelsOf } from '../tenancy/registry/table-declarations.ts';
import { parseDomainName, parseSchemaName, SITE_SCHEMA } from '../tenancy/registry/tenant.ts';
import { testServerUrl } from './server-url.ts';
import { createTestClient, type TestClient } from './test-client.ts';
import { createTestDatabase } from './test-database.ts';

/** The password of users that are created without one. */
export const TEST_PASSWORD = 'correct horse battery staple';

const DOMAIN = 'localhost';

/** A row of a fixture, in Django's format. */
export type FixtureRow = Readonly<{
  model: string;
  pk?: string | number | null;
  fields: Readonly<Record<string, unknown>>;
}>;

/** A mail that was sent. */
export type TestMail = WrittenMail;

/** A user of the app `accounts`, logged in. */
export type TestUser = TestClient & Readonly<{ id: string; username: string }>;

/** A tenant, or the public site. */
export type TestTenant = Readonly<{
  schema: string;
  host: string;
  /** Sends requests without credentials. */
  anonymous: TestClient;
  /**
   * Creates a client that sends these headers with every request: for a project with an
   * authentication of its own.
   */
  clientWith: (headers: Readonly<Record<string, string>>) => TestClient;
  /** Creates a user of the app `accounts`, and logs the user in. */
  createUser: (
    username: string,
    details?: Readonly<{
      email?: string;
      password?: string;
      isStaff?: boolean;
      isSuperuser?: boolean;
      /** Names that apps of the project declare. */
      permissions?: readonly string[];
    }>,
  ) => Promise<TestUser>;
  /** Logs a user of the app `accounts` in. */
  logIn: (username: string, password?: string) => Promise<TestClient>;
  /** Loads rows as `tenants load-data` does: all of them, or none. */
  loadFixture: (rows: readonly FixtureRow[]) => Promise<void>;
  /** Runs a statement inside the tenant as the owner of its tables, and returns the rows. */
  query: <Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]) => Promise<Row[]>;
}>;

/** A running service on a database of its own. */
export type TestTenancy = Readonly<{
  acme: TestTenant;
  globex: TestTenant;
  /** The public site, where operators have their accounts. */
  site: TestTenant;
  createTenant: (schema: string) => Promise<TestTenant>;
  port: number;
  /** The environment of the service: for commands that a test runs. */
  environment: Readonly<Record<string, string>>;
  /** Errors that caused a response with status 500, oldest first. */
  bugs: readonly unknown[];
  /** Mails that were sent, oldest first. */
  mails: readonly TestMail[];
  /** Stops the service and drops the database. */
  close: () => Promise<void>;
}>;

/** Settings for tests: no limit of attempts, and long timeouts for a loaded machine. */
const RELAXED: Readonly<Record<string, string>> = {
  POOL_TIMEOUT: '60000',
  THROTTLE_LOGIN: 'off',
  THROTTLE_RESET: 'off',
  THROTTLE_REGISTER: 'off',
  EMAIL_FRONTEND_PROTOCOL: 'http',
};

function environmentFor(
  project: Project,
  urls: Readonly<{ ownerUrl: string; serviceUrl: string }>,
  mailFolder: string,
  overrides: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const known = new Set(configNames(project));
  const optional = Object.entries({ ...RELAXED, MAIL_DIR: mailFolder }).filter(([name]) => known.has(name));
  return {
    ...Object.fromEntries(optional),
    DATABASE_URL: urls.serviceUrl,
    OWNER_DATABASE_URL: urls.ownerUrl,
    APP_SECRET: randomBytes(32).toString('base64url'),
    TENANCY_KEYS: `test:${randomBytes(32).toString('base64url')}`,
    BASE_DOMAIN: DOMAIN,
    BIND_ADDRESS: '127.0.0.1',
    PORT: '0',
    LANES: '1',
    POOL_SIZE: '4',
    ...overrides,
  };
}

type Given = Readonly<{ project: Project; owner: pg.ClientConfig; port: number }>;

function assertAccounts({ apps }: Project): void {
  if (!apps.some(({ name, tables }) => name === 'accounts' && Object.hasOwn(tables, 'users'))) {
    throw new TypeError(
      'createUser and logIn require the app "accounts" of koa-tenants, which is not in the project. Use clientWith.',
    );
  }
}

function tenantOf(
  { project, owner, port }: Given,
  { schema, host }: Readonly<{ schema: string; host: string }>,
): TestTenant {
  const clientWith: TestTenant['clientWith'] = (headers) => createTestClient(port, host, headers);
  const anonymous = clientWith({});
  const query: TestTenant['query'] = (text, values = []) =>
    withTenantAsOwner(owner, schema, async (client) => (await client.query(text, [...values])).rows);

  const logIn: TestTenant['logIn'] = async (username, password = TEST_PASSWORD) => {
    assertAccounts(project);
    const { status, body, text } = await anonymous.post('/api/auth/jwt/create/', { username, password });
    if (status !== 200) {
      throw new Error(`The login of ${username} at ${host} was rejected with status ${status}: ${text}`);
    }
    return clientWith({ Authorization: `Bearer ${body.access}` });
  };

  return {
    schema,
    host,
    anonymous,
    clientWith,
    query,
    logIn,
    createUser: async (username, details = {}) => {
      assertAccounts(project);
      const password = details.password ?? TEST_PASSWORD;
      const { isStaff = false, isSuperuser = false, permissions = [] } = details;
      const { email = `${username}@example.com` } = details;
      await addUser(owner, schema, { username, email, password, isStaff, isSuperuser });
      if (permissions.length > 0) {
        await changePermissions(owner, schema, project, { username, grant: permissions });
      }
      const [row] = await query<{ id: string }>('select id from users where username = $1', [username]);
      return { ...(await logIn(username, password)), id: String(row?.id), username };
    },
    loadFixture: async (rows) => {
      const entries = parseFixture(JSON.stringify(rows));
      const models = modelsOf(tablesOf(project));
      await withTenantAsOwner(owner, schema, (client) =>
        loadFixture(client, entries, models, permissionsOf(project)),
      );
    },
  };
}

/**
 * Creates a database on a real PostgreSQL, migrates it, creates the tenants acme and globex, and
 * starts the service on a free port. PostgreSQL is the server of TEST_DATABASE_URL (the URL of a
 * superuser), otherwise an embedded one.
 *
 * @param environment settings of the project, by their environment variables
 */
export async function openTestTenancy({
  project,
  environment: overrides = {},
}: {
  project: Project;
  environment?: Readonly<Record<string, string>>;
}): Promise<TestTenancy> {
  const closers: Array<() => Promise<unknown>> = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) {
      await closer();
    }
  };
  try {
    const mailFolder = await mkdtemp(path.join(tmpdir(), 'koa-tenants-mail-'));
    closers.push(() => rm(mailFolder, { recursive: true, force: true }));

    let environment: Readonly<Record<string, string>> = {};
    let config: Config | undefined;
    const database = await createTestDatabase(await testServerUrl(), async (created) => {
      environment = environmentFor(project, created, mailFolder, overrides);
      config = readConfig(project, environment);
      await migrateFleet(project, config, created.ownerUrl);
    });
    closers.push(database.drop);
    if (!config) {
      throw new TypeError('The database was not migrated.');
    }

    const bugs: unknown[] = [];
    const mails: TestMail[] = [];
    const { port, close: closeService } = await openService(project, config, {
      request: () => {},
      bug: (error) => bugs.push(error),
      warn: () => {},
      notice: (message, _facts, { details }) => {
        if (message === 'mail') {
          mails.push(details as TestMail);
        }
      },
    });
    closers.push(closeService);

    const owner = connectionTo(database.ownerUrl);
    const given: Given = { project, owner, port };
    const createTenant = async (name: string): Promise<TestTenant> => {
      const schema = parseSchemaName(name);
      const host = parseDomainName(`${name.replaceAll('_', '-')}.${DOMAIN}`);
      await provisionTenant(
        owner,
        { service: database.login.user, project },
        { schema, name, domains: [host] },
      );
      return tenantOf(given, { schema, host });
    };
    return {
      acme: await createTenant('acme'),
      globex: await createTenant('globex'),
      site: tenantOf(given, { schema: SITE_SCHEMA, host: DOMAIN }),
      createTenant,
      port,
      environment,
      bugs,
      mails,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
