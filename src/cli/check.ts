import { Option } from 'commander';

import { runChecks, type Severity } from '../db/checks.ts';
import { connectionTo, loginOf } from '../db/connection.ts';
import { withOwner } from '../db/owner-client.ts';
import { DomainError } from '../errors.ts';
import { checkSchemas } from '../tenancy/check-schemas.ts';
import { checkSettings } from '../tenancy/check-settings.ts';
import type { CliCommand } from './command.ts';

/** The owners' roles are not there before the first migration. */
const UNDEFINED_OBJECT = '42704';

export const check: CliCommand<{ json?: true; failOn: Severity }> = {
  name: 'check',
  summary: 'Look for anything in the database that would weaken a wall; exits 1 when there is.',
  declare: (parser) =>
    parser
      .option('--json', 'print the findings as JSON')
      .addOption(
        new Option('--fail-on <severity>', 'from which severity on it exits 1')
          .choices(['fault', 'advice'])
          .default('fault'),
      ),

  async run({ json, failOn }, { config, ownerUrl, print, red }) {
    const service = loginOf((await config()).DATABASE_URL).user;
    const findings = await withOwner(connectionTo(await ownerUrl()), async (client) => [
      ...(await runChecks(async (text) => (await client.query(text)).rows, { service })),
      ...(await runChecks(async (text) => (await client.query(text)).rows, { service, severity: 'advice' })),
      ...(await checkSchemas(client)),
      ...(await checkSettings(client)),
    ]).catch((error: { code?: string }) => {
      throw error.code === UNDEFINED_OBJECT
        ? new DomainError(
            'precondition_failed',
            'The shared schema is not installed here: run `make migrate`.',
          )
        : error;
    });
    if (json) {
      print(JSON.stringify(findings));
    } else {
      for (const { check: name, severity, object, fault, remedy } of findings) {
        print(`${severity === 'fault' ? red(name) : name}  ${object}: ${fault}. ${remedy}`);
      }
    }
    const failing = findings.filter(({ severity }) => failOn === 'advice' || severity === 'fault');
    if (failing.length > 0) {
      throw new DomainError('precondition_failed', `${failing.length} found; each line says what mends it.`);
    }
    if (!json) {
      print('Every wall stands.');
    }
  },
};
