import { databasesOf } from '../cli/framework/fleet.ts';
import type { Config } from '../config/config.ts';
import { findNodeVulnerability, NODE_PATH } from '../config/node-version.ts';
import { withAdminConnection } from '../db/admin/admin-connection.ts';
import { type Finding, runChecks } from '../db/checks.ts';
import { SQLSTATE } from '../db/sqlstate.ts';
import { OperatorError } from '../errors.ts';
import { checkKeys } from '../tenancy/context/check-keys.ts';
import type { ProofKey } from '../tenancy/context/keys.ts';
import { checkMigrationFiles } from '../tenancy/fleet/changed-files.ts';
import { checkLimits } from '../tenancy/install/check-limits.ts';
import { checkSchemas } from '../tenancy/install/check-schemas.ts';
import { checkSettings } from '../tenancy/install/check-settings.ts';
import { checkLaneLogins } from '../tenancy/install/lane-logins.ts';
import { type Database, MAIN } from '../tenancy/registry/databases.ts';
import type { TenancyProject } from '../tenancy/registry/project.ts';
import { sharedPasswords } from './shared-passwords.ts';

async function checkDatabase(
  { name, owner, service }: Database,
  project: TenancyProject,
  keys: readonly ProofKey[],
): Promise<readonly Finding[]> {
  const findings = await withAdminConnection(owner, async (client) => [
    ...(await runChecks(async (text) => (await client.query(text)).rows, { service })),
    ...(await runChecks(async (text) => (await client.query(text)).rows, { service, severity: 'error' })),
    ...(await runChecks(async (text) => (await client.query(text)).rows, { service, severity: 'advice' })),
    ...(await checkSchemas(client)),
    ...(await checkSettings(client, project)),
    ...(await checkLimits(client, project)),
    ...(await checkLaneLogins(client)),
    ...(await checkKeys(client, keys)),
    ...(await checkMigrationFiles(client, project)),
  ]).catch((error: { code?: string }) => {
    // The owner roles do not exist before the first migration.
    throw error.code === SQLSTATE.UNDEFINED_OBJECT
      ? new OperatorError(
          'precondition_failed',
          'The shared schema is not installed in this database. Run `tenants migrate`.',
        )
      : error;
  });
  return name === MAIN
    ? findings
    : findings.map((found) => ({ ...found, object: `in database ${name}: ${found.object}` }));
}

/** Checks the Node release that runs this command. The service may run on another one. */
function checkNode(): readonly Finding[] {
  const vulnerability = findNodeVulnerability();
  return vulnerability
    ? [{ check: 'node-version', severity: 'advice', object: NODE_PATH, ...vulnerability }]
    : [];
}

/**
 * Checks the isolation of every database, and this process. Returns the findings.
 *
 * @throws OperatorError `precondition_failed` if the shared schema is not installed
 */
export async function checkInstallation(
  project: TenancyProject,
  config: Config,
  ownerUrl: string,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [...checkNode(), ...sharedPasswords(config, ownerUrl)];
  for (const database of Object.values(databasesOf(config, ownerUrl))) {
    findings.push(...(await checkDatabase(database, project, config.TENANCY_KEYS)));
  }
  return findings;
}
