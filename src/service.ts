import { availableParallelism } from 'node:os';

import { buildApp } from './app.ts';
import type { WrittenMail } from './apps/accounts/mail/folder-transport.ts';
import { createPasswords } from './apps/accounts/password.ts';
import type { AccountTools } from './apps/accounts/tools.ts';
import type { Config } from './config.ts';
import { connectionTo } from './db/connection.ts';
import { openThrottleStore } from './db/throttle-store.ts';
import { unreachable } from './db/unreachable.ts';
import { translateViolation } from './db/violations.ts';
import { Unavailable } from './errors.ts';
import { isClientGone } from './http/client-gone.ts';
import { type Listening, listen } from './http/listen.ts';
import type { RequestLine } from './http/middleware/request-log.ts';
import { createRequestLimit } from './http/request-limit.ts';
import { createThrottle } from './http/throttle.ts';
import { openMail } from './mail.ts';
import { openObserver } from './observability/observer.ts';
import { openServiceDatabase, type ServiceDatabase } from './service-database.ts';
import { followAnnouncements } from './tenancy/announcements.ts';
import { assertProofKnown } from './tenancy/assert-proof-known.ts';
import { chooseDatabase, MAIN } from './tenancy/databases.ts';
import { createDirectory } from './tenancy/directory.ts';
import { readFigures } from './tenancy/figures.ts';
import { createHomes } from './tenancy/homes.ts';
import { sharedFingerprint } from './tenancy/install.ts';
import { mayEnter } from './tenancy/may-enter.ts';
import { passOn } from './tenancy/pass-on.ts';
import { resolveHost } from './tenancy/resolve-host.ts';
import { migrationNames } from './tenancy/run-migrations.ts';
import { createSchemaNames } from './tenancy/schema-names.ts';
import { createSettingsOf } from './tenancy/settings-of.ts';
import { SITE_SCHEMA, type Tenant } from './tenancy/tenant.ts';
import { createTurnstile } from './tenancy/turnstile.ts';
import { createWaitingRoom } from './tenancy/waiting-room.ts';
import type { Gate } from './tenancy/with-tenant.ts';

/** Milliseconds that a transaction waits for its turn among those of its tenant. */
const TURN = 5_000;

export type ServiceLog = Readonly<{
  request: (line: RequestLine) => void;
  bug: (error: unknown, requestId: string) => void;
  warn: (message: string, facts?: Record<string, unknown>) => void;
  /** A mail was written into MAIL_DIR. Its link is a secret: for a terminal, not for a log. */
  mail: (mail: WrittenMail) => void;
}>;

export type Service = Readonly<{
  port: number;
  /** Where metrics are read; null when nobody reads them here. */
  metricsPort: number | null;
  /** Requests whose answer has not left whole. */
  underWay: () => number;
  /** `/readyz` turns 503, and every answer ends its connection. Serves on. */
  drain: (how?: { quietly?: boolean }) => void;
  /**
   * Requests under way are given `SHUTDOWN_GRACE` seconds; then pools, mail and
   * announcements end. Answers how many requests were cut.
   */
  close: () => Promise<number>;
}>;

/**
 * Opens pools, checks what must be true of the database, and listens.
 *
 * Whoever opens a thing registers its closer; they run in reverse, also when
 * what comes after fails.
 *
 * @throws DomainError `precondition_failed` or `database_unavailable`; a listen error
 */
export async function startService(config: Config, log: ServiceLog): Promise<Service> {
  const closers: Array<() => Promise<unknown>> = [];
  const closeAll = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) {
      // One that fails must not leave the others open.
      await closer().catch((error: Error) => log.warn('did not close', { reason: error.message }));
    }
  };
  try {
    const { port, metricsPort, underWay, drain, close } = await open(config, log, closers);
    return {
      port,
      metricsPort,
      underWay,
      drain,
      close: async () => {
        const cut = await close(config.SHUTDOWN_GRACE * 1000);
        if (cut > 0) {
          log.warn('requests were cut', { requests: cut });
        }
        await closeAll();
        return cut;
      },
    };
  } catch (error) {
    await closeAll();
    throw unreachableOr(config.DATABASE_URL, error);
  }
}

/** For an operator: which server does not answer, when that is what went wrong. */
const unreachableOr = (url: string, error: unknown): unknown => {
  const known = translateViolation(error);
  return known instanceof Unavailable ? unreachable(url, error) : known;
};

async function open(
  config: Config,
  log: ServiceLog,
  closers: Array<() => Promise<unknown>>,
): Promise<Listening & Pick<Service, 'metricsPort'>> {
  const observer = await openObserver(config);
  closers.push(observer.close);
  const urls = { [MAIN]: config.DATABASE_URL, ...config.DATABASES };
  const databases: Record<string, ServiceDatabase> = {};
  for (const [name, url] of Object.entries(urls)) {
    databases[name] = await openServiceDatabase(config, { name, url }, { closers, warn: log.warn }).catch(
      (error: unknown) => {
        throw name === MAIN ? error : unreachableOr(url, error);
      },
    );
  }
  const main = chooseDatabase(databases, MAIN);
  const homes = createHomes(
    Object.fromEntries(Object.entries(databases).map(([name, { lanes }]) => [name, lanes])),
  );
  const lookUp = async (host: string): Promise<Tenant | null> =>
    homes.remember(
      await resolveHost(main.lookUps, host, {
        verifiedBeside: config.REQUIRE_DOMAIN_VERIFICATION ? config.BASE_DOMAIN : null,
      }),
    );

  const door: Gate = {
    poolOf: homes.poolOf,
    key: config.TENANCY_KEYS[0],
    statementTimeout: config.STATEMENT_TIMEOUT,
  };
  const room = createWaitingRoom({ isOpen: (tenant) => mayEnter(door, homes, main.lookUps, tenant) });
  const schemas = createSchemaNames();
  const gate: Gate = {
    ...door,
    pass: room.pass,
    onRefused: (tenant) => room.expect(tenant, 5),
    onEntered: schemas.remember,
    idleTimeout: config.IDLE_IN_TRANSACTION_TIMEOUT,
    // One connection of its lane is left to the others, where it has two.
    turnstile: createTurnstile({
      places: config.TENANT_CONCURRENCY || Math.max(1, main.laneSize - 1),
      patience: TURN,
      onRefused: () => observer.limitHit('concurrency'),
    }),
  };
  for (const { lanes } of Object.values(databases)) {
    await assertProofKnown({ ...door, poolOf: lanes.poolOf });
  }

  const lookUps = Object.fromEntries(
    Object.entries(databases).map(([name, { lookUps: pool }]) => [name, pool]),
  );
  const directory = createDirectory({
    lookUp,
    ttl: config.DIRECTORY_TTL,
    onFind: observer.lookUp,
  });
  const announcements = followAnnouncements({
    connection: connectionTo(config.LISTEN_DATABASE_URL ?? config.DATABASE_URL),
    directory,
    onMoving: room.expect,
    onTenant: (tenant) => {
      if (Object.keys(databases).length > 1) {
        passOn(lookUps, config.TENANCY_KEYS[0], tenant).catch((error: Error) =>
          log.warn('a change of a tenant did not reach its database', { tenant, reason: error.message }),
        );
      }
    },
    onFollowing: () => observer.following(true),
    onLost: (error) => {
      observer.following(false);
      log.warn('announcements lost; the directory relies on its TTL', { reason: error.message });
    },
  });
  closers.push(announcements.close);

  const secrets = { current: config.APP_SECRET, previous: config.APP_SECRET_PREVIOUS ?? null };
  const mail = openMail(config, {
    gate,
    secrets,
    homes,
    lookUps,
    log: { ...log, mailFailed: observer.mailFailed },
  });
  closers.push(mail.close);
  const throttleStore = await openThrottleStore(config.THROTTLE_STORE ?? null, (error) =>
    log.warn('the store of THROTTLE_STORE does not answer; attempts are counted in memory', {
      reason: error.message,
    }),
  );
  closers.push(throttleStore.close);
  const accounts: AccountTools = {
    gate,
    secrets,
    settingsOf: createSettingsOf({ gate, defaults: config }),
    passwords: createPasswords(
      config.PASSWORD_HASHERS ?? Math.max(1, Math.min(3, availableParallelism() - 1)),
    ),
    throttle: createThrottle(throttleStore),
    wakeMail: mail.wake,
  };

  const fingerprint = await sharedFingerprint();
  const expected = {
    tenant: (await migrationNames('tenant', 'any')).at(-1) ?? '',
    site: (await migrationNames('tenant', SITE_SCHEMA)).at(-1) ?? '',
  };
  observer.watch(
    Object.entries(databases).map(([name, { lookUps: pool, lanes, laneSize, isReady }]) => ({
      name,
      laneSize,
      pools: () => [
        ['look-ups', pool.state()],
        ...lanes.states().map((state, lane) => [String(lane), state] as const),
      ],
      isReady: () => isReady(fingerprint),
      figures: () => readFigures(pool, expected),
    })),
  );
  const onBug: ServiceLog['bug'] = (...bug) => {
    observer.bug();
    log.bug(...bug);
  };
  let stopping = false;
  const app = buildApp({
    directory,
    accounts,
    expected,
    siteDomain: config.BASE_DOMAIN,
    showSite: config.SHOW_PUBLIC_IF_NO_TENANT_FOUND,
    redirectToPrimary: config.REDIRECT_TO_PRIMARY,
    trustedProxies: config.TRUST_PROXY,
    https: {
      redirect: config.SECURE_SSL_REDIRECT,
      hstsSeconds: config.SECURE_HSTS_SECONDS,
      hstsIncludeSubdomains: config.SECURE_HSTS_INCLUDE_SUBDOMAINS,
      hstsPreload: config.SECURE_HSTS_PRELOAD,
    },
    isStopping: () => stopping,
    isReady: async () => {
      const ready = await Promise.all(Object.values(databases).map((each) => each.isReady(fingerprint)));
      return ready.every((is) => is);
    },
    writeRequest: (line) => {
      log.request(line);
      observer.request(line);
    },
    requestLimit: createRequestLimit(throttleStore),
    onLimit: observer.limitHit,
    schemaOf: schemas.of,
    laneOf: homes.laneOf,
    onBug,
  });
  app.on('error', (error: unknown) => {
    if (!isClientGone(error)) {
      onBug(error, 'none');
    }
  });

  const listening = await listen(app.callback(), {
    port: config.PORT,
    host: config.BIND_ADDRESS,
    limits: {
      requestTimeout: config.REQUEST_TIMEOUT * 1000,
      keepAliveTimeout: config.KEEP_ALIVE_TIMEOUT * 1000,
      maxConnections: config.MAX_CONNECTIONS,
    },
  });
  return {
    ...listening,
    metricsPort: observer.port,
    drain: ({ quietly = false } = {}) => {
      stopping = !quietly;
      listening.drain();
    },
  };
}
