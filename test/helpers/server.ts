import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { insertUser, type NewUser } from '../../src/apps/accounts/commands/accounts.ts';
import type { WrittenMail } from '../../src/apps/accounts/mail/folder-transport.ts';
import { hashPassword } from '../../src/apps/accounts/passwords/password.ts';
import { readConfig } from '../../src/config/config.ts';
import type { RequestLine } from '../../src/http/request-trace.ts';
import { openService } from '../../src/server/service.ts';
import type { AppSecrets } from '../../src/tenancy/registry/signing-key.ts';
import { type Answer, type RequestOptions, sendRequest } from '../../src/testing/test-client.ts';
import { assertDescribed, DOCUMENT, isCompared } from './contract.ts';
import { until } from './until.ts';
import type { World } from './world.ts';

export type { Answer };
export { sendRequest, until };

export const APP_SECRET = 'the application secret of the tests, long enough';
export const TENANCY_KEYS =
  'test:a-secret-of-more-than-32-characters,old:another-secret-of-more-than-32-chars';
export const PASSWORD = 'correct horse battery staple';
export const SECRETS: AppSecrets = { current: APP_SECRET, previous: null };

export type { RequestOptions };

export type TestService = Readonly<{
  port: number;
  metricsPort: number | null;
  requests: RequestLine[];
  bugs: unknown[];
  warnings: string[];
  /** Sent mails, newest last. */
  mails: WrittenMail[];
  request: (host: string, method: string, path: string, asking?: RequestOptions) => Promise<Answer>;
  /** Logs in and returns the access token. Throws when the login is rejected. */
  logIn: (host: string, username: string, password: string) => Promise<string>;
  /**
   * Sends bytes to the socket and returns the response, until the service closes the connection or
   * `quiet` ms pass.
   */
  rawRequest: (bytes: string, quiet?: number) => Promise<string>;
  close: () => Promise<unknown>;
}>;

/** The folder for mails of this process. Created with the first one. */
const MAILS = join(tmpdir(), `koa-tenants-mail-${process.pid}`);
process.once('exit', () => rmSync(MAILS, { recursive: true, force: true }));

/** Returns the environment of a service, or of a command, for this world. */
export const environmentOf = (
  world: Pick<World, 'serviceUrl' | 'listenUrl' | 'ownerUrl'>,
  overrides: Readonly<Record<string, string>> = {},
): Record<string, string> => ({
  DATABASE_URL: world.serviceUrl,
  OWNER_DATABASE_URL: world.ownerUrl,
  ...(world.listenUrl === undefined ? {} : { LISTEN_DATABASE_URL: world.listenUrl }),
  APP_SECRET,
  TENANCY_KEYS,
  BASE_DOMAIN: 'localhost',
  PORT: '0',
  BIND_ADDRESS: '127.0.0.1',
  LANES: '1',
  POOL_SIZE: '4',
  // Many parallel tests make the machine slow, which must count neither as overload nor as an outage.
  POOL_TIMEOUT: '60000',
  CONNECT_TIMEOUT: '60000',
  MAIL_DIR: MAILS,
  EMAIL_FRONTEND_PROTOCOL: 'http',
  // Tests log in often. Tests of the throttle override this.
  THROTTLE_LOGIN: 'off',
  THROTTLE_RESET: 'off',
  THROTTLE_REGISTER: 'off',
  // `make isolation PREPARED=off`. A service in the process of a test has no other environment.
  ...(process.env.PREPARED_STATEMENTS === 'off' ? { PREPARED_STATEMENTS: 'off' } : {}),
  ...overrides,
});

/** Logs in and returns the access token. Throws when the login is rejected. */
export async function logInAt(
  port: number,
  host: string,
  username: string,
  password = PASSWORD,
): Promise<string> {
  const { status, body, text } = await sendRequest(port, host, 'POST', '/api/auth/jwt/create/', {
    body: { username, password },
  });
  if (status !== 200) {
    throw new Error(`Login of ${username} at ${host} returned ${status}: ${text}`);
  }
  return body.access;
}

/** Sends bytes to a socket that no HTTP client would send, and returns the response. */
export async function sendRaw(port: number, bytes: string, quiet = 60_000): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const ended = Promise.withResolvers<void>();
  let received = '';
  socket.setEncoding('utf8');
  socket.on('data', (text) => {
    received += text;
  });
  socket.on('close', () => ended.resolve());
  socket.on('error', () => ended.resolve());
  socket.setTimeout(quiet, () => socket.destroy());
  socket.write(bytes);
  await ended.promise;
  return received;
}

/**
 * Starts the real service on a world, on a free port. In tests of HTTP, each response to `request` must agree with the
 * OpenAPI document of its host, unless the service has `API_DOCS: 'false'`.
 */
export async function serve(
  world: Pick<World, 'serviceUrl' | 'listenUrl' | 'ownerUrl' | 'fleet'>,
  overrides: Readonly<Record<string, string>> = {},
): Promise<TestService> {
  const requests: RequestLine[] = [];
  const bugs: unknown[] = [];
  const warnings: string[] = [];
  const mails: WrittenMail[] = [];
  const { port, metricsPort, close } = await openService(
    world.fleet.project,
    readConfig(world.fleet.project, environmentOf(world, overrides)),
    {
      request: (line) => line.route !== DOCUMENT && requests.push(line),
      bug: (error) => bugs.push(error),
      warn: (message) => warnings.push(message),
      notice: (message, _facts, { details }) => {
        if (message === 'mail') {
          mails.push(details as WrittenMail);
        }
      },
    },
  );
  const request: TestService['request'] = async (host, method, path, options) => {
    const answer = await sendRequest(port, host, method, path, options);
    if (overrides.API_DOCS !== 'false' && isCompared()) {
      await assertDescribed({ port, host, method, path, answer });
    }
    return answer;
  };
  return {
    port,
    metricsPort,
    requests,
    bugs,
    warnings,
    mails,
    request,
    logIn: (...who) => logInAt(port, ...who),
    rawRequest: (bytes, quiet) => sendRaw(port, bytes, quiet),
    close,
  };
}

/** Hashes of passwords. Hashing costs more than everything else that creates a user. */
const hashes = new Map<string, Promise<string>>();

function hashOnce(password: string): Promise<string> {
  const hash = hashes.get(password) ?? hashPassword(password);
  hashes.set(password, hash);
  return hash;
}

/** Creates a user in a schema with the password of all test users. */
export async function makeUser(
  { inTenant }: Pick<World, 'inTenant'>,
  schema: string,
  username: string,
  facts: Partial<NewUser> = {},
): Promise<{ id: number; username: string }> {
  const user: NewUser = {
    username,
    email: `${username}@example.com`,
    password: PASSWORD,
    isSuperuser: false,
    ...facts,
  };
  const hashed = await hashOnce(user.password);
  return inTenant(schema, async (client) => {
    await insertUser(schema, user, hashed)(client);
    const { rows } = await client.query<{ id: string }>('select id from users where username = $1', [
      username,
    ]);
    return { id: Number(rows[0]?.id), username };
  });
}
