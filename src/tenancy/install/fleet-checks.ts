import { createHash } from 'node:crypto';
import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

import { type Finding, type Query, runCheck } from '../../db/checks.ts';
import { readSqlFile } from '../../db/sql/sql-file.ts';
import type { ProofKey } from '../context/keys.ts';
import { signMessage } from '../context/proof.ts';

/**
 * The checks of sql/checks/ whose cost grows with the number of tenants: they read every table of every
 * tenant. A check that is not listed here always runs before the service listens.
 */
export const FLEET_CHECKS: readonly string[] = [
  'crossing-relations',
  'global-tables',
  'leaky-views',
  'service-table-rights',
  'tenant-role-rights',
  'unprotected-relations',
];

const state = z.strictObject({ passed: z.string().nullable(), tenants: z.coerce.number() });
const recorded = z.record(z.string(), z.unknown());

/** Returns a digest of the fleet checks of this release. `service` is the login of DATABASE_URL. */
export async function fleetChecksDigest(service: string): Promise<string> {
  const hash = createHash('sha256');
  for (const check of FLEET_CHECKS) {
    hash.update(await readSqlFile(`checks/${check}.sql`, { service }));
  }
  return hash.digest('hex').slice(0, 16);
}

/**
 * Returns whether the fleet checks may run while the service serves: the database has more tenants than
 * `maxTenants`, and the last run of the same checks had no finding.
 */
export async function mayCheckFleetLater(
  query: Query,
  { service, maxTenants }: { service: string; maxTenants: number },
): Promise<boolean> {
  const [found] = await query('select c.passed, c.tenants from tenancy.fleet_check() as c');
  const { passed, tenants } = state.parse(found);
  return tenants > maxTenants && passed === (await fleetChecksDigest(service));
}

/** Runs the fleet checks, one after the other, and returns their findings. */
export async function runFleetChecks(query: Query, service: string): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const check of FLEET_CHECKS) {
    findings.push(...(await runCheck(query, { check, service })));
  }
  return findings;
}

/**
 * Stores in the database whether the fleet checks had no finding. After a finding, every start runs them
 * before it listens, until they have none.
 */
export async function recordFleetChecks(
  pool: Pick<CommonQueryMethods, 'any'>,
  key: ProofKey,
  { service, passed }: { service: string; passed: boolean },
): Promise<void> {
  const digest = passed ? await fleetChecksDigest(service) : null;
  const { expires, text } = signMessage(key, `fleet-check|${digest ?? ''}`);
  await pool.any(sql.type(recorded)`
    select tenancy.record_fleet_check(${digest}, ${expires}, ${text})
  `);
}
