import type { Config } from '../../../../config/config.ts';
import { findNodeVulnerability } from '../../../../config/node-version.ts';
import { serverAddress } from '../../../../db/admin/server-address.ts';
import { sharedPasswords } from '../../../../operations/shared-passwords.ts';
import { MAIN } from '../../../../tenancy/registry/databases.ts';

/** Connections of one serving process outside the lanes: two for lookups, one for readiness, one for LISTEN. */
const OTHER_CONNECTIONS = 4;

const isLocal = (host: string): boolean =>
  host === '' || host === 'localhost' || host === '::1' || host.startsWith('127.') || host.startsWith('/');

/** Returns advice on valid but questionable settings, one sentence each. */
export function advise(config: Config): readonly string[] {
  const vulnerability = findNodeVulnerability();
  const advice: string[] = vulnerability ? [`${vulnerability.fault}. ${vulnerability.remedy}`] : [];
  const urls = { [MAIN]: config.DATABASE_URL, ...config.DATABASES };
  for (const [name, url] of Object.entries(urls)) {
    const { searchParams } = new URL(url);
    if (!isLocal(serverAddress(url).host) && searchParams.get('sslmode') !== 'verify-full') {
      advice.push(
        `Database ${name} is used without sslmode=verify-full: an attacker on the network could intercept the connection.`,
      );
    }
  }
  if (config.OWNER_DATABASE_URL) {
    for (const { object, fault, remedy } of sharedPasswords(config, config.OWNER_DATABASE_URL)) {
      advice.push(`The ${object} ${fault}: ${remedy}.`);
    }
  }
  if (config.BASE_DOMAIN !== 'localhost') {
    if (config.TRUST_PROXY === null) {
      advice.push(
        "TRUST_PROXY is false: behind a proxy, all clients appear with the proxy's address, and links use http.",
      );
    } else if (!config.SECURE_SSL_REDIRECT) {
      advice.push('SECURE_SSL_REDIRECT is false: requests over plain HTTP are served.');
    }
    if (!config.REQUIRE_DOMAIN_VERIFICATION) {
      advice.push(
        'REQUIRE_DOMAIN_VERIFICATION is false: custom domains are served before they are verified.',
      );
    }
  }
  if (config.WEB_CONCURRENCY > 1 && !config.THROTTLE_STORE) {
    advice.push(
      `THROTTLE_STORE is not set: each of ${config.WEB_CONCURRENCY} processes counts attempts separately, so the effective limits are that many times higher.`,
    );
  }
  if (config.ALLOW_UNHARDENED) {
    advice.push('ALLOW_UNHARDENED is true: one SQL expression can bypass the role wall (docs/isolation.md).');
  }
  if (config.APP_SECRET_PREVIOUS) {
    advice.push(
      'APP_SECRET_PREVIOUS is set: remove it when REFRESH_TOKEN_LIFETIME has passed since the rotation.',
    );
  }
  // A lane with a login beyond LANES has as many connections as the others.
  const lanes = Math.max(config.LANES, config.LANE_LOGINS.length);
  const each = Math.ceil((config.POOL_SIZE * lanes) / config.LANES) + OTHER_CONNECTIONS;
  advice.push(
    `Each machine needs ${each * config.WEB_CONCURRENCY} connections of every database (${config.WEB_CONCURRENCY} × ${each}). max_connections must cover all machines.`,
  );
  return advice;
}
