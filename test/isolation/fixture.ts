import { createHash } from 'node:crypto';
import type pg from 'pg';
import { type SharedConnections, shareConnections } from '../../src/attacks/shared-connections.ts';
import type { Query } from '../../src/db/checks.ts';
import type { PoolSettings } from '../../src/db/pool/pool.ts';
import { OperatorError } from '../../src/errors.ts';
import { flushEntry, withTenant } from '../../src/tenancy/context/with-tenant.ts';
import { assertPreconditions } from '../../src/tenancy/install/preconditions.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../helpers/server.ts';
import type { Member, World } from '../helpers/world.ts';
import { type Channel, describeError, type Guess, RIGHT, raw, sendAsAcme } from './attack.ts';
import { prepareWorld } from './prepare-world.ts';
import { openTappedPool } from './tapped-pool.ts';
import { type AppParts, serveTestApp } from './test-app.ts';

/** Dependencies that a switch replaces. */
export type Replacements = Readonly<{
  channel: Channel;
  /** Returns the text that a connection sends instead of its own. */
  rewrite: (text: string) => string;
  app: AppParts;
  /** Settings of the shared connection. */
  pool: Partial<PoolSettings>;
  /** Runs the checks that precede the start of a service. */
  mayStart: typeof assertPreconditions;
}>;

export const UNCHANGED: Replacements = {
  channel: 'driver',
  rewrite: (text) => text,
  app: {},
  pool: {},
  mayStart: assertPreconditions,
};

/** A single connection that several tenants use in turn. */
export type SharedConnection = Readonly<{
  /** Runs a transaction of a tenant. `sendRaw` bypasses wall 0 and sends any statement. */
  inTenant: <T>(
    member: Member,
    work: (
      send: (text: string) => Promise<unknown>,
      sendRaw: (text: string) => Promise<unknown>,
    ) => Promise<T>,
  ) => Promise<T>;
  /** Runs a query outside any tenant, as the directory does. */
  outside: (text: string) => Promise<unknown>;
}>;

/** Tokens of alice, a user of acme, and of hank, a user of globex. */
export type Tokens = Readonly<{ alice: string; hank: string; refresh: string }>;

/** Everything that an attack can use. */
export type Fixture = Readonly<{
  world: World;
  replacements: Replacements;
  guess: Guess;
  /** Sends statements in a transaction of acme. Returns all rows and error messages. */
  send: (statements: readonly string[]) => Promise<unknown>;
  /** Runs `work` with one connection that several tenants use in turn. */
  withConnection: (work: (connection: SharedConnection) => Promise<unknown>) => Promise<unknown>;
  /** Returns the service, or the test app if a part of it is replaced. */
  http: () => Promise<TestService>;
  /** Returns the test app, whose routes build SQL from the request. */
  testApp: () => Promise<Pick<TestService, 'request' | 'rawRequest' | 'port'>>;
  /** Returns the test app with a directory whose entries are valid for a day. */
  cachingApp: () => Promise<Pick<TestService, 'request'>>;
  tokens: () => Promise<Tokens>;
  /** Whether the service would start now. */
  starts: () => Promise<boolean>;
}>;

export type Fixtures = Readonly<{
  world: World;
  fixture: (replacements?: Partial<Replacements>, guess?: Guess) => Fixture;
  /** Closes the connections without the driver that attacks share. The next attack opens a new one. */
  closeIdle: SharedConnections['closeIdle'];
  close: () => Promise<void>;
}>;

async function withOneConnection(
  world: World,
  { rewrite, pool: settings }: Replacements,
  work: (connection: SharedConnection) => Promise<unknown>,
) {
  const { pool, clients } = await openTappedPool(world, { ...settings, rewrite });
  const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool };
  const received = (error: unknown): never => describeError(error) as never;
  try {
    const answer = await work({
      inTenant: (member, inside) =>
        withTenant(tenantDatabase, { tenant: member.id, readOnly: false }, async (tx) => {
          await flushEntry(tx);
          const client = clients.at(-1) as pg.Client;
          return inside(
            (text) => tx.any(raw(text)),
            async (text) => (await client.query(text)).rows,
          );
          // An error ends the transaction. The next tenant still uses the connection.
        }).catch(received),
      outside: (text) => pool.any(raw(text)).catch(received),
    });
    // The driver closed the connection, and the state on it is lost.
    return clients.length > 1 ? 'the connection was closed' : answer;
  } finally {
    await pool.end();
  }
}

async function logInBoth(service: TestService): Promise<Tokens> {
  const { body } = await service.request('acme.localhost', 'POST', '/api/auth/jwt/create/', {
    body: { username: 'alice.a', password: PASSWORD },
  });
  return {
    alice: body.access,
    refresh: body.refresh,
    hank: await service.logIn('globex.localhost', 'hank', PASSWORD),
  };
}

/** Opens each test app with its first use. */
function openApps(world: World) {
  const opened = new Map<AppParts, Promise<TestService>>();
  const testApp = (parts: AppParts): Promise<TestService> => {
    const app = opened.get(parts) ?? serveTestApp(world, parts);
    opened.set(parts, app);
    return app;
  };
  const cachingParts = new Map<AppParts, AppParts>();
  return {
    testApp,
    cachingApp: (parts: AppParts): Promise<TestService> => {
      const own = cachingParts.get(parts) ?? { ...parts, cachesHosts: true };
      cachingParts.set(parts, own);
      return testApp(own);
    },
    close: async (): Promise<void> => {
      for (const app of opened.values()) {
        await (await app).close();
      }
    },
  };
}

/** Returns a function that returns valid tokens. It logs in again if an attack has ended the sessions. */
function openSessions(service: TestService, world: World): () => Promise<Tokens> {
  let tokens: Tokens | undefined;
  return async () => {
    const [found] = await world.asOwner<{ exist: boolean }>(
      'select exists (select from acme.sessions) and exists (select from globex.sessions) as exist',
    );
    if (!tokens || !found?.exist) {
      tokens = await logInBoth(service);
    }
    return tokens;
  };
}

/** Returns a function that runs a statement of the checks. Planning them takes a third of their time, so it prepares them. */
async function openCheckQuery({ ownBackend }: World): Promise<Query> {
  const client = await ownBackend();
  return async (text) => {
    const name = createHash('sha256').update(text).digest('hex').slice(0, 32);
    return (await client.query<Record<string, unknown>>({ name, text })).rows;
  };
}

/** Whether the checks that precede the start of a service find nothing. */
async function passesChecks(
  query: Query,
  { service }: World,
  { mayStart }: Pick<Replacements, 'mayStart'>,
): Promise<boolean> {
  try {
    await mayStart({ query, service, allowUnhardened: false });
    return true;
  } catch (error) {
    // Any other error, such as a timeout, does not show that the checks found anything.
    if (error instanceof OperatorError) {
      return false;
    }
    throw error;
  }
}

/** Prepares a world for attacks, and starts the service: with a disabled wall it would not start. */
export async function openFixtures(given: World): Promise<Fixtures> {
  const connections = shareConnections(given.bare);
  const world: World = { ...given, bare: connections.open };
  await prepareWorld(world);
  // A run may take longer than the default lifetime of five minutes, and an expired token hides leaks.
  const service = await serve(world, { ACCESS_TOKEN_LIFETIME: '86400' });
  const apps = openApps(world);
  const checkQuery = await openCheckQuery(world);
  const tokens = openSessions(service, world);
  await makeUser(world, 'acme', 'alice.a', { email: 'alice.a@example.com' });
  await makeUser(world, 'globex', 'hank', { email: 'hank@example.com' });
  await tokens();
  return {
    world,
    closeIdle: connections.closeIdle,
    close: async () => {
      await connections.close();
      await apps.close();
      await service.close();
    },
    fixture: (replaced = {}, guess = RIGHT) => {
      const replacements = { ...UNCHANGED, ...replaced };
      return {
        world,
        replacements,
        guess,
        send: (statements) => sendAsAcme(world, statements, replacements.channel),
        withConnection: (work) => withOneConnection(world, replacements, work),
        http: () =>
          replacements.app === UNCHANGED.app ? Promise.resolve(service) : apps.testApp(replacements.app),
        testApp: () => apps.testApp(replacements.app),
        cachingApp: () => apps.cachingApp(replacements.app),
        tokens,
        starts: () => passesChecks(checkQuery, world, replacements),
      };
    },
  };
}
