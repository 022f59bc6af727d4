import { setTimeout as wait } from 'node:timers/promises';

import type { Config } from '../../../../config/config.ts';
import { loginOf } from '../../../../db/admin/connection-config.ts';
import { type Connected, withClient } from '../../../../db/admin/with-client.ts';
import type { Project } from '../../../../definition/define-project.ts';
import { OperatorError } from '../../../../errors.ts';
import { assertProofKnown } from '../../../../tenancy/context/assert-proof-known.ts';
import { assertPreconditions } from '../../../../tenancy/install/preconditions.ts';
import { MAIN } from '../../../../tenancy/registry/databases.ts';
import { openTenantDatabase } from '../../../framework/tenant-database.ts';
import { type Probe, probe, TIMEOUT_MS } from './probe.ts';

/** Maximum difference of the clocks in milliseconds: a proof is valid for 60 seconds. */
const MAX_CLOCK_DIFFERENCE_MS = 30_000;

const connected = <T>(url: string, work: (client: Connected) => Promise<T>): Promise<T> =>
  withClient(url, { applicationName: 'koa-tenants doctor', timeoutMs: TIMEOUT_MS }, work);

/** Returns the server's version, latency, encryption and clock. */
async function describeServer(client: Connected): Promise<string> {
  const started = performance.now();
  const { rows } = await client.query<{ version: string; now: Date }>(
    `select current_setting('server_version') as version, clock_timestamp() as now`,
  );
  const took = performance.now() - started;
  const [{ version = '', now = new Date(0) } = {}] = rows;
  const apart = Math.round(now.getTime() - (Date.now() - took / 2));
  if (Math.abs(apart) > MAX_CLOCK_DIFFERENCE_MS) {
    throw new OperatorError(
      'precondition_failed',
      `its clock differs by ${Math.round(apart / 1000)} s, so proofs are rejected; synchronize both clocks with NTP`,
    );
  }
  return `PostgreSQL ${version.split(' ')[0]}, ${client.encrypted ? 'TLS' : 'no TLS'}, ${took.toFixed(1)} ms away, clocks ${apart} ms apart`;
}

/** Checks the requirements that the service checks at its start. */
async function describeWalls(
  client: Connected,
  project: Project,
  config: Config,
  url: string,
): Promise<string> {
  const { contextMode, warnings } = await assertPreconditions({
    query: async (text) => (await client.query(text)).rows,
    service: loginOf(url).user,
    allowUnhardened: config.ALLOW_UNHARDENED,
    project,
  });
  return `no finding, ${contextMode}${warnings.some(({ check }) => check === 'unhardened') ? ', not hardened' : ''}`;
}

/** Checks LISTEN: a notification does not arrive through a transaction pooler. */
async function describeNotifications(url: string): Promise<string> {
  return connected(url, async (listening) => {
    const received = new Promise<boolean>((resolve) => {
      listening.on('notification', () => resolve(true));
    });
    await listening.query('listen koa_tenants_doctor');
    await connected(url, (client) => client.query('notify koa_tenants_doctor'));
    if (!(await Promise.race([received, wait(2_000, false, { ref: false })]))) {
      throw new OperatorError(
        'precondition_failed',
        'no notification arrives; LISTEN_DATABASE_URL must lead to PostgreSQL directly, not through a pooler',
      );
    }
    return 'notifications of tenant changes arrive';
  });
}

/**
 * Probes every configured database: the service's login, the isolation checks, the proof key,
 * notifications, the migration login.
 */
export async function probeDatabases(project: Project, config: Config): Promise<readonly Probe[]> {
  const probes: Probe[] = [];
  const each: ReadonlyArray<readonly [name: string, url: string, owner: string | undefined]> = [
    [MAIN, config.DATABASE_URL, config.OWNER_DATABASE_URL],
    ...Object.entries(config.DATABASES).map(
      ([name, url]) => [name, url, config.OWNER_DATABASES[name]] as const,
    ),
  ];
  for (const [name, url, owner] of each) {
    const service = await probe(`${name}, as ${loginOf(url).user}`, () => connected(url, describeServer));
    probes.push(service);
    if (service.ok) {
      probes.push(
        await probe(`${name}, walls`, () =>
          connected(url, (client) => describeWalls(client, project, config, url)),
        ),
        await probe(`${name}, proof key`, async () => {
          const { tenantDatabase, close } = await openTenantDatabase({ ...config, DATABASE_URL: url });
          await assertProofKnown(tenantDatabase).finally(close);
          return `"${config.TENANCY_KEYS[0].id}" is valid`;
        }),
      );
    }
    if (owner !== undefined) {
      probes.push(await probe(`${name}, as ${loginOf(owner).user}`, () => connected(owner, describeServer)));
    }
  }
  if (probes[0]?.ok) {
    const url = config.LISTEN_DATABASE_URL ?? config.DATABASE_URL;
    probes.push(await probe('notifications', () => describeNotifications(url)));
  }
  return probes;
}
