import type pg from 'pg';
import { flushEntry, withTenant } from '../../src/tenancy/context/with-tenant.ts';
import { assertPreconditions } from '../../src/tenancy/install/preconditions.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../helpers/server.ts';
import type { Member, World } from '../helpers/world.ts';
import { type Channel, describeError, type Guess, RIGHT, raw, sendAsAcme } from './attack.ts';
import { prepareWorld } from './prepare-world.ts';
import { type SharedConnections, shareConnections } from './shared-connections.ts';
import { openTappedPool } from './tapped-pool.ts';
import { type AppParts, serveTestApp } from './test-app.ts';

/** What a switch puts in place of a dependency. */
export type Replacements = Readonly<{
  channel: Channel;
  /** What a connection sends in place of its own texts. */
  rewrite: (text: string) => string;
  app: AppParts;
  /** Asked before a service would listen. */
  mayStart: typeof assertPreconditions;
}>;

export const UNCHANGED: Replacements = {
  channel: 'driver',
  rewrite: (text) => text,
  app: {},
  mayStart: assertPreconditions,
};

/** A connection that is lent to one after the other. */
export type Loan = Readonly<{
  /** A transaction of a tenant; `sneak` sends any statement at all past wall 0. */
  borrow: <T>(
    member: Member,
    work: (send: (text: string) => Promise<unknown>, sneak: (text: string) => Promise<unknown>) => Promise<T>,
  ) => Promise<T>;
  /** A query outside any tenant, as the directory makes them. */
  outside: (text: string) => Promise<unknown>;
}>;

/** Tokens of alice, who is in acme, and of hank, who is in globex. */
export type Tokens = Readonly<{ alice: string; hank: string; refresh: string }>;

/** All that an attack has to do with. */
export type Fixture = Readonly<{
  world: World;
  replacements: Replacements;
  guess: Guess;
  /** Statements in a transaction of acme; answers everything that was told. */
  send: (statements: readonly string[]) => Promise<unknown>;
  /** One connection, lent to one tenant after the other. */
  lend: (work: (loan: Loan) => Promise<unknown>) => Promise<unknown>;
  /** The service; the test app when a part of it was replaced. */
  http: () => Promise<TestService>;
  /** The test app, which has routes that build SQL from what they are sent. */
  testApp: () => Promise<Pick<TestService, 'request' | 'rawRequest' | 'port'>>;
  /** The test app where a host leads for a day to the tenant that it led to first. */
  remembering: () => Promise<Pick<TestService, 'request'>>;
  tokens: () => Promise<Tokens>;
  /** Whether the service would start now. */
  starts: () => Promise<boolean>;
}>;

export type Fixtures = Readonly<{
  world: World;
  fixture: (replacements?: Partial<Replacements>, guess?: Guess) => Fixture;
  /** Calls `work`. Meanwhile attacks share connections without the driver. */
  share: SharedConnections['share'];
  close: () => Promise<void>;
}>;

async function lendConnection(
  world: World,
  { rewrite }: Replacements,
  work: (loan: Loan) => Promise<unknown>,
) {
  const { pool, clients } = await openTappedPool(world, { rewrite });
  const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool };
  const received = (error: unknown): never => describeError(error) as never;
  try {
    const answer = await work({
      borrow: (member, borrowed) =>
        withTenant(tenantDatabase, { tenant: member.id, readOnly: false }, async (tx) => {
          await flushEntry(tx);
          const client = clients.at(-1) as pg.Client;
          return borrowed(
            (text) => tx.any(raw(text)),
            async (text) => (await client.query(text)).rows,
          );
          // What failed ended its transaction: the next borrower comes all the same.
        }).catch(received),
      outside: (text) => pool.any(raw(text)).catch(received),
    });
    // A connection that was given up leaves nothing behind.
    return clients.length > 1 ? 'the connection was given up' : answer;
  } finally {
    await pool.end();
  }
}

async function logInBoth(service: TestService, world: World): Promise<Tokens> {
  // plant() takes users away, and their sessions with them.
  await makeUser(world, 'acme', 'alice.a', { email: 'alice.a@example.com' });
  await makeUser(world, 'globex', 'hank', { email: 'hank@example.com' });
  const { body } = await service.request('acme.localhost', 'POST', '/api/auth/jwt/create/', {
    body: { username: 'alice.a', password: PASSWORD },
  });
  return {
    alice: body.access,
    refresh: body.refresh,
    hank: await service.logIn('globex.localhost', 'hank', PASSWORD),
  };
}

/** Prepares a world to be attacked, and serves it: later, with a wall down, the service would not start. */
export async function openFixtures(given: World): Promise<Fixtures> {
  const connections = shareConnections(given.bare);
  const world: World = { ...given, bare: connections.open };
  await prepareWorld(world);
  // On a slow machine a run takes longer than five minutes, and nothing leaks by a token that has ended.
  const service = await serve(world, { ACCESS_TOKEN_LIFETIME: '86400' });
  const apps = new Map<AppParts, Promise<TestService>>();
  const testApp = (parts: AppParts): Promise<TestService> => {
    const app = apps.get(parts) ?? serveTestApp(world, parts);
    apps.set(parts, app);
    return app;
  };
  const cachedParts = new Map<AppParts, AppParts>();
  const appWithHostCache = (parts: AppParts): Promise<TestService> => {
    const own = cachedParts.get(parts) ?? { ...parts, remembersHosts: true };
    cachedParts.set(parts, own);
    return testApp(own);
  };
  const close = async (): Promise<void> => {
    for (const open of [...apps.values(), service]) {
      await (await open).close();
    }
  };

  let tokens: Tokens | undefined = await logInBoth(service, world);
  const tokensNow = async (): Promise<Tokens> => {
    const [here] = await world.asOwner<{ there: boolean }>(
      `select exists (select from acme.sessions) and exists (select from globex.sessions) as there`,
    );
    if (!tokens || !here?.there) {
      tokens = await logInBoth(service, world);
    }
    return tokens;
  };

  return {
    world,
    share: connections.share,
    close,
    fixture: (replaced = {}, guess = RIGHT) => {
      const replacements = { ...UNCHANGED, ...replaced };
      return {
        world,
        replacements,
        guess,
        send: (statements) => sendAsAcme(world, statements, replacements.channel),
        lend: (work) => lendConnection(world, replacements, work),
        http: () =>
          replacements.app === UNCHANGED.app ? Promise.resolve(service) : testApp(replacements.app),
        testApp: () => testApp(replacements.app),
        remembering: () => appWithHostCache(replacements.app),
        tokens: tokensNow,
        starts: async () => {
          const query = async (text: string) =>
            (await world.pool.any(raw(text))) as Record<string, unknown>[];
          return replacements.mayStart({ query, service: world.service, allowUnhardened: false }).then(
            () => true,
            () => false,
          );
        },
      };
    },
  };
}
