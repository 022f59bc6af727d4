import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { WrittenMail } from '../apps/accounts/mail/folder-transport.ts';
import { migrateFleet } from '../cli/framework/fleet.ts';
import { type Config, configNames, readConfig } from '../config/config.ts';
import { connectionTo } from '../db/admin/connection-config.ts';
import type { Project } from '../definition/define-project.ts';
import { openService } from '../server/service.ts';
import { provisionTenant } from '../tenancy/lifecycle/provision.ts';
import { parseDomainName, parseSchemaName, SITE_SCHEMA } from '../tenancy/registry/tenant.ts';
import { testServerUrl } from './server-url.ts';
import { createTestDatabase } from './test-database.ts';
import { createTestTenant, type TestedService, type TestTenant } from './test-tenant.ts';

const DOMAIN = 'localhost';

/** A mail that was sent. */
export type TestMail = WrittenMail;

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
    const tested: TestedService = { project, owner, port };
    const createTenant = async (name: string): Promise<TestTenant> => {
      const schema = parseSchemaName(name);
      const host = parseDomainName(`${name.replaceAll('_', '-')}.${DOMAIN}`);
      await provisionTenant(
        owner,
        { service: database.login.user, project },
        { schema, name, domains: [host] },
      );
      return createTestTenant(tested, { schema, host });
    };
    return {
      acme: await createTenant('acme'),
      globex: await createTenant('globex'),
      site: createTestTenant(tested, { schema: SITE_SCHEMA, host: DOMAIN }),
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
