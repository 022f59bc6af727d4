import type pg from 'pg';

import { addUser } from '../apps/accounts/commands/accounts.ts';
import { changePermissions } from '../apps/accounts/permissions/change-permissions.ts';
import type { Project } from '../definition/define-project.ts';
import { withTenantAsOwner } from '../tenancy/context/with-owner-tenant.ts';
import { loadFixture } from '../tenancy/fixtures/load-fixture.ts';
import { parseFixture } from '../tenancy/fixtures/parse-fixture.ts';
import { permissionsOf, tablesOf } from '../tenancy/registry/project.ts';
import { modelsOf } from '../tenancy/registry/table-declarations.ts';
import { createTestClient, type TestClient } from './test-client.ts';

/** The password of users that are created without one. */
export const TEST_PASSWORD = 'correct horse battery staple';

/** A row of a fixture, in Django's format. */
export type FixtureRow = Readonly<{
  model: string;
  pk?: string | number | null;
  fields: Readonly<Record<string, unknown>>;
}>;

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

/** The service whose tenants are tested, and the login that owns their tables. */
export type TestedService = Readonly<{ project: Project; owner: pg.ClientConfig; port: number }>;

function assertAccounts({ apps }: Project): void {
  if (!apps.some(({ name, tables }) => name === 'accounts' && Object.hasOwn(tables, 'users'))) {
    throw new TypeError(
      'createUser and logIn require the app "accounts" of koa-tenants, which is not in the project. Use clientWith.',
    );
  }
}

/** Creates the functions with which a test uses a tenant. */
export function createTestTenant(
  { project, owner, port }: TestedService,
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
        loadFixture(client, entries, models, Object.keys(permissionsOf(project))),
      );
    },
  };
}
