import { availableParallelism } from 'node:os';
import { sql } from 'slonik';
import { z } from 'zod';

import { buildApp } from './app.ts';
import type { WrittenMail } from './apps/accounts/mail/folder-transport.ts';
import { createPasswords } from './apps/accounts/password.ts';
import type { AccountTools } from './apps/accounts/tools.ts';
import type { Config } from './config.ts';
import { connectionTo, loginOf } from './db/connection.ts';
import { openPool, type PoolSettings } from './db/pool.ts';
import { openThrottleStore } from './db/throttle-store.ts';
import { unreachable } from './db/unreachable.ts';
import { translateViolation } from './db/violations.ts';
import { Unavailable } from './errors.ts';
import { listen } from './http/listen.ts';
import type { RequestLine } from './http/middleware/request-log.ts';
import { createThrottle } from './http/throttle.ts';
import { openMail } from './mail.ts';
import { followAnnouncements } from './tenancy/announcements.ts';
import { assertProofKnown } from './tenancy/assert-proof-known.ts';
import { createDirectory } from './tenancy/directory.ts';
import { sharedFingerprint } from './tenancy/install.ts';
import { openLanes } from './tenancy/lanes.ts';
import { assertPreconditions } from './tenancy/preconditions.ts';
import { resolveHost } from './tenancy/resolve-host.ts';
import { migrationNames } from './tenancy/run-migrations.ts';
import { createSettingsOf } from './tenancy/settings-of.ts';
import { SITE_SCHEMA } from './tenancy/tenant.ts';
import type { Gate } from './tenancy/with-tenant.ts';

export type ServiceLog = Readonly<{
  request: (line: RequestLine) => void;
  bug: (error: unknown, requestId: string) => void;
  warn: (message: string, facts?: Record<string, unknown>) => void;
  /** A mail was written into MAIL_DIR. Its link is a secret: for a terminal, not for a log. */
  mail: (mail: WrittenMail) => void;
}>;

export type Service = Readonly<{ port: number; close: () => Promise<void> }>;

const row = z.record(z.string(), z.unknown());
const version = z.object({ fingerprint: z.string(), carrier: z.string() });

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
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) {
      await closer();
    }
  };
  try {
    return { port: await open(config, log, closers), close };
  } catch (error) {
    await close();
    const known = translateViolation(error);
    if (known instanceof Unavailable) {
      throw unreachable(config.DATABASE_URL, error);
    }
    throw known;
  }
}

async function open(
  config: Config,
  log: ServiceLog,
  closers: Array<() => Promise<unknown>>,
): Promise<number> {
  const lane = (maxPoolSize: number, name: string): PoolSettings => ({
    connection: connectionTo(config.DATABASE_URL),
    applicationName: `koa-tenants ${name}`,
    connectTimeout: config.CONNECT_TIMEOUT,
    // PostgreSQL ends the statement first; the socket goes when it does not.
    queryTimeout: config.STATEMENT_TIMEOUT + 1_000,
    maxPoolSize,
    maxConnectionAge: config.CONNECTION_MAX_AGE * 1000,
  });

  // Look-ups have connections of their own: a flooded lane does not hide hosts.
  const lookUps = await openPool(lane(2, 'directory'));
  closers.push(() => lookUps.end());

  const { warnings } = await assertPreconditions({
    query: (text) => lookUps.any({ ...sql.type(row)`select`, sql: text }),
    service: loginOf(config.DATABASE_URL).user,
    allowUnhardened: config.ALLOW_UNHARDENED,
  });
  for (const { object, fault, remedy } of warnings) {
    log.warn(`${object}: ${fault}. ${remedy}`);
  }

  const laneSize = Math.max(1, Math.floor(config.POOL_SIZE / config.LANES));
  const lanes = await openLanes(
    Array.from({ length: config.LANES }, (_, index) => lane(laneSize, `lane ${index}`)),
  );
  closers.push(lanes.close);

  const gate: Gate = {
    poolOf: lanes.poolOf,
    key: config.TENANCY_KEYS[0],
    statementTimeout: config.STATEMENT_TIMEOUT,
  };
  const rule = { verifiedBeside: config.REQUIRE_DOMAIN_VERIFICATION ? config.BASE_DOMAIN : null };
  await assertProofKnown(gate, await resolveHost(lookUps, config.BASE_DOMAIN, rule));

  const directory = createDirectory({
    lookUp: (host) => resolveHost(lookUps, host, rule),
    ttl: config.DIRECTORY_TTL,
  });
  const announcements = followAnnouncements({
    connection: connectionTo(config.LISTEN_DATABASE_URL ?? config.DATABASE_URL),
    directory,
    onLost: (error) =>
      log.warn('announcements lost; the directory relies on its TTL', { reason: error.message }),
  });
  closers.push(announcements.close);

  const secrets = { current: config.APP_SECRET, previous: config.APP_SECRET_PREVIOUS ?? null };
  const mail = openMail(config, { gate, secrets, lookUps, log });
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
  const app = buildApp({
    directory,
    accounts,
    expected: {
      tenant: (await migrationNames('tenant', 'any')).at(-1) ?? '',
      site: (await migrationNames('tenant', SITE_SCHEMA)).at(-1) ?? '',
    },
    siteDomain: config.BASE_DOMAIN,
    showSite: config.SHOW_PUBLIC_IF_NO_TENANT_FOUND,
    redirectToPrimary: config.REDIRECT_TO_PRIMARY,
    trustProxy: config.TRUST_PROXY,
    isReady: async () => {
      const found = await lookUps
        .maybeOne(sql.type(version)`select fingerprint, carrier from tenancy.version()`)
        .catch(() => null);
      return found?.fingerprint === fingerprint;
    },
    writeRequest: log.request,
    onBug: log.bug,
  });
  app.on('error', (error: unknown) => log.bug(error, 'none'));

  const { port, close } = await listen(app.callback(), { port: config.PORT, host: config.BIND_ADDRESS });
  closers.push(close);
  return port;
}
