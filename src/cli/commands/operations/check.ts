import { Option } from 'commander';
import { SEVERITIES, type Severity } from '../../../db/checks.ts';
import type { Project } from '../../../definition/define-project.ts';
import { OperatorError } from '../../../errors.ts';
import { checkInstallation } from '../../../operations/check-installation.ts';
import type { CliCommand, CliDeps } from '../../framework/command.ts';
import { schemaOption } from '../../framework/schema-option.ts';
import { checkDrift, printDrift } from '../migrations/drift.ts';

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
  audited: false,
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
    const findings = await checkInstallation(deps.project, await config(), await ownerUrl());
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
