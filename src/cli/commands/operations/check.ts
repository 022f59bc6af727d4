import { Option } from 'commander';
import { findNodeVulnerability, NODE_PATH } from '../../../config/node-version.ts';
import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { type Finding, runChecks, SEVERITIES, type Severity } from '../../../db/checks.ts';
import { SQLSTATE } from '../../../db/sqlstate.ts';
import type { Project } from '../../../definition/define-project.ts';
import { OperatorError } from '../../../errors.ts';
import { checkKeys } from '../../../tenancy/context/check-keys.ts';
import type { ProofKey } from '../../../tenancy/context/keys.ts';
import { checkMigrationFiles } from '../../../tenancy/fleet/changed-files.ts';
import { checkSchemas } from '../../../tenancy/install/check-schemas.ts';
import { checkSettings } from '../../../tenancy/install/check-settings.ts';
import { checkLaneLogins } from '../../../tenancy/install/lane-logins.ts';
import type { Database } from '../../../tenancy/registry/databases.ts';
import { MAIN } from '../../../tenancy/registry/databases.ts';
import type { TenancyProject } from '../../../tenancy/registry/project.ts';
import type { CliCommand, CliDeps } from '../../framework/command.ts';
import { databasesOf } from '../../framework/fleet.ts';
import { schemaOption } from '../../framework/schema-option.ts';
import { checkDrift, printDrift } from '../migrations/drift.ts';
import { sharedPasswords } from './shared-passwords.ts';

/** SQLSTATE of a missing role: the owner roles do not exist before the first migration. */

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
    ...(await checkLaneLogins(client)),
    ...(await checkKeys(client, keys)),
    ...(await checkMigrationFiles(client, project)),
  ]).catch((error: { code?: string }) => {
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

type Options = {
  drift?: true;
  attack?: true;
  url?: string;
  schema?: string;
  failOn: Severity;
  json?: true;
};

/**
 * Reports the drift of tenants.
 *
 * @throws OperatorError `precondition_failed` when a tenant differs from its migrations
 */
async function runDrift({ schema, json }: Options, deps: CliDeps): Promise<void> {
  const report = await checkDrift(deps, schemaOption(schema));
  if (json) {
    deps.print(JSON.stringify(report));
  } else {
    printDrift(report, deps);
  }
  const { drift, compared } = report;
  if (drift.length > 0) {
    throw new OperatorError(
      'precondition_failed',
      `${drift.length} of ${compared} differ from their migrations. Undo the difference, or write it as a migration.`,
    );
  }
  deps.note(`${compared} compared, none differs from its migrations.`);
}

export const checkCommand = (project: Project): CliCommand<Options> => ({
  name: 'check',
  summary: 'Check the isolation of the database. Exits 1 on findings.',
  declare: (parser) =>
    parser
      .option('--drift', "instead compare tenants' schemas with their migrations")
      .option('--schema <name>', 'with --drift: only this tenant')
      .option('--attack', 'instead attack one scratch tenant from another, without affecting other tenants')
      .option('--url <url>', "with --attack: the migrating login's URL of another installation")
      .option('--json', 'print the findings as JSON')
      .addOption(
        new Option('--fail-on <severity>', 'from which severity on it exits 1')
          .choices(SEVERITIES)
          .default('error'),
      ),

  async run(options, deps) {
    const { config, ownerUrl, print, red } = deps;
    const { json, failOn } = options;
    if (options.attack && (options.drift || options.schema !== undefined)) {
      throw new OperatorError('usage_invalid', '--attack can only be combined with --url and --json.');
    }
    if (options.attack) {
      const { runAttack } = await import('./attack.ts');
      return runAttack(options, project.apps, deps);
    }
    if (options.url !== undefined) {
      throw new OperatorError(
        'usage_invalid',
        '--url requires --attack. Without it, the database of DATABASE_URL is checked.',
      );
    }
    if (options.drift) {
      return runDrift(options, deps);
    }
    if (options.schema !== undefined) {
      throw new OperatorError(
        'usage_invalid',
        '--schema requires --drift. The isolation checks cover all tenants.',
      );
    }
    const configured = await config();
    const findings: Finding[] = [...checkNode(), ...sharedPasswords(configured, await ownerUrl())];
    for (const database of Object.values(databasesOf(configured, await ownerUrl()))) {
      findings.push(...(await checkDatabase(database, deps.project, configured.TENANCY_KEYS)));
    }
    if (json) {
      print(JSON.stringify(findings));
    } else {
      for (const { check: name, severity, object, fault, remedy } of findings) {
        print(`${severity === 'advice' ? name : red(name)}  ${object}: ${fault}. ${remedy}`);
      }
    }
    const failing = findings.filter(
      ({ severity }) => SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(failOn),
    );
    if (failing.length > 0) {
      throw new OperatorError('precondition_failed', `${failing.length} found. Each line ends with the fix.`);
    }
    if (!json) {
      print('No finding.');
    }
  },
});
